using System.Runtime.CompilerServices;

namespace Broker.Coordination.Etcd;

/// <summary>Watches.</summary>
public sealed partial class EtcdMetadataStore
{
    /// <inheritdoc/>
    /// <exception cref="MetadataUnavailableException">The store was closed, etcd refuses the watch, or has not answered from the beginning.</exception>
    public IAsyncEnumerable<MetadataChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckPrefix(prefix);
        ArgumentOutOfRangeException.ThrowIfNegative(afterRevision);
        return Watch(prefix, afterRevision, cancellationToken);
    }

    private async IAsyncEnumerable<MetadataChange> Watch(string prefix, long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var watch = new EtcdWatch(_members, _keys, prefix, after);
        while (true)
        {
            foreach (var change in await UntilClosedAsync(watch.NextAsync, cancellationToken))
            {
                yield return change;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }
}
