using System.Runtime.CompilerServices;

namespace Broker.Coordination.Embedded;

/// <summary>Watches.</summary>
public sealed partial class EmbeddedMetadataStore
{
    private const int WatchBatch = 64; // changes that a watch takes at a time
    private TaskCompletionSource _news = NewNews(); // completes when there are changes, or never will be

    /// <inheritdoc/>
    public IAsyncEnumerable<MetadataChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckPrefix(prefix);
        ArgumentOutOfRangeException.ThrowIfNegative(afterRevision);
        return Watch(prefix, afterRevision, cancellationToken);
    }

    private static TaskCompletionSource NewNews() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static MetadataChange? Below(string prefix, MetadataChange change)
    {
        if (prefix.Length == 0)
        {
            return change;
        }

        var puts = change.Puts.Where(value => value.Key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var deletes = change.Deletes.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        return puts.Count + deletes.Count > 0 ? new MetadataChange(change.Revision, puts, deletes) : null;
    }

    private async IAsyncEnumerable<MetadataChange> Watch(string prefix, long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var batch = new List<MetadataChange>(WatchBatch);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await TakeAsync(after, batch, cancellationToken);
            foreach (var change in batch)
            {
                after = change.Revision;
                if (Below(prefix, change) is { } seen)
                {
                    yield return seen;
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
        }
    }

    /// <summary>Waits for changes after a revision.</summary>
    private async ValueTask TakeAsync(long after, List<MetadataChange> batch, CancellationToken cancellationToken)
    {
        batch.Clear();
        while (true)
        {
            Task news;
            lock (_gate)
            {
                _history.CopyAfter(after, batch);
                if (batch.Count > 0)
                {
                    return;
                }

                if (_failure is not null)
                {
                    throw new MetadataUnavailableException(_failure);
                }

                news = _news.Task;
            }

            await news.WaitAsync(cancellationToken);
        }
    }

    private void Announce()
    {
        var news = _news;
        _news = NewNews();
        news.SetResult();
    }
}
