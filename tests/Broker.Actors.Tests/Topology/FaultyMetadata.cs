using System.Runtime.CompilerServices;
using Broker.Coordination;

namespace Broker.Actors.Tests.Topology;

/// <summary>What becomes of a transaction and of its answer.</summary>
internal enum Fate
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>It takes place, and nobody knows.</summary>
    AnswerLost,

    /// <summary>It does not take place, and nobody knows.</summary>
    Lost,

    /// <summary>Nobody knows, and it takes place when <see cref="FaultyMetadata.SendLateAsync"/> says so.</summary>
    Late,

    /// <summary>It certainly does not take place.</summary>
    Refused,
}

/// <summary>One node's way to the store that all share, which the test can close, slow down and damage.</summary>
internal sealed class FaultyMetadata(IMetadataStore inner) : IMetadataStore
{
    private readonly Lock _lock = new();
    private readonly List<MetadataTransaction> _late = [];
    private TaskCompletionSource _open = Opened();
    private TaskCompletionSource<Exception> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _reads;

    /// <summary>Decides on each transaction.</summary>
    public Func<MetadataTransaction, Fate> FateOf { get; set; } = _ => Fate.Good;

    /// <summary>Whether reads fail.</summary>
    public bool RefusesReads { get; set; }

    /// <summary>Reads so far.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>Transactions that conditions have kept from taking place.</summary>
    public int Conflicts { get; private set; }

    /// <summary>Lets no change through until <see cref="ReleaseWatches"/>.</summary>
    public void HoldWatches()
    {
        lock (_lock)
        {
            if (_open.Task.IsCompleted)
            {
                _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    /// <summary>Lets changes through again.</summary>
    public void ReleaseWatches()
    {
        lock (_lock)
        {
            _open.TrySetResult();
        }
    }

    /// <summary>Ends all watches.</summary>
    public void BreakWatches(Exception reason)
    {
        lock (_lock)
        {
            var broken = _broken;
            _broken = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
            broken.SetResult(reason);
        }
    }

    /// <summary>What was late arrives.</summary>
    /// <returns>Which of it took place.</returns>
    public async Task<IReadOnlyList<bool>> SendLateAsync()
    {
        List<MetadataTransaction> late;
        lock (_lock)
        {
            late = [.. _late];
            _late.Clear();
        }

        var took = new List<bool>();
        foreach (var transaction in late)
        {
            took.Add((await inner.CommitAsync(transaction)).Succeeded);
        }

        return took;
    }

    public Task<MetadataSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        return RefusesReads ? Task.FromException<MetadataSnapshot>(new MetadataUnavailableException("no reads today")) : inner.ReadAsync(prefix, cancellationToken);
    }

    public async Task<MetadataCommit> CommitAsync(MetadataTransaction transaction, CancellationToken cancellationToken = default)
    {
        switch (FateOf(transaction))
        {
            case Fate.AnswerLost:
                await inner.CommitAsync(transaction, cancellationToken);
                throw new MetadataUnavailableException("the answer is lost");
            case Fate.Lost:
                throw new MetadataUnavailableException("the question is lost");
            case Fate.Late:
                lock (_lock)
                {
                    _late.Add(transaction);
                }

                throw new MetadataUnavailableException("the question is late");
            case Fate.Refused:
                throw new MetadataUnavailableException("the store is out", nothingChanged: true);
            default:
                var commit = await inner.CommitAsync(transaction, cancellationToken);
                lock (_lock)
                {
                    Conflicts += commit.Succeeded ? 0 : 1;
                }

                return commit;
        }
    }

    public async IAsyncEnumerable<MetadataChange> WatchAsync(string prefix, long afterRevision, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Task<Exception> broken;
        lock (_lock)
        {
            broken = _broken.Task;
        }

        await using var watch = inner.WatchAsync(prefix, afterRevision, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            var next = watch.MoveNextAsync().AsTask();
            await Task.WhenAny(next, broken);
            if (!broken.IsCompleted)
            {
                await next;
                Task open;
                lock (_lock)
                {
                    open = _open.Task;
                }

                await Task.WhenAny(open, broken).WaitAsync(cancellationToken);
            }

            if (broken.IsCompleted)
            {
                _ = next.ContinueWith(t => t.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default); // ends with the token
                throw await broken;
            }

            yield return watch.Current;
        }
    }

    public Task<IMetadataLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => inner.GrantLeaseAsync(timeToLive, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        open.SetResult();
        return open;
    }
}
