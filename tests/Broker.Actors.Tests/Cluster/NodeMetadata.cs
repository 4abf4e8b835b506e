using System.Runtime.CompilerServices;
using Broker.Coordination;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A node's own way to the metadata store that all share: it can be cut, held up, and lose its leases, as the way to a real one can.</summary>
internal sealed class NodeMetadata(IMetadataStore shared) : IMetadataStore
{
    private readonly Lock _gate = new();
    private readonly List<Lease> _leases = [];
    private CancellationTokenSource _cut = new();

    /// <summary>Runs before each transaction goes on its way.</summary>
    public Func<MetadataTransaction, Task>? BeforeCommit { get; set; }

    /// <summary>Runs after each transaction was carried out or refused, before its answer comes; if it throws, that is the answer.</summary>
    public Func<MetadataTransaction, Task>? AfterCommit { get; set; }

    /// <summary>From now on the store does not answer, and watches end.</summary>
    public void Cut() => _cut.Cancel();

    public void Heal() => _cut = new CancellationTokenSource();

    /// <summary>The node's leases end in the store, as they do when it is not heard of for long enough.</summary>
    public async Task ExpireAsync()
    {
        List<Lease> leases;
        lock (_gate)
        {
            leases = [.. _leases];
            _leases.Clear();
        }

        foreach (var lease in leases)
        {
            await lease.EndAsync();
        }
    }

    public Task<MetadataSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default)
    {
        Check();
        return shared.ReadAsync(prefix, cancellationToken);
    }

    public async Task<MetadataCommit> CommitAsync(MetadataTransaction transaction, CancellationToken cancellationToken = default)
    {
        if (BeforeCommit is { } before)
        {
            await before(transaction);
        }

        Check();
        var commit = await shared.CommitAsync(transaction, cancellationToken);
        if (AfterCommit is { } after)
        {
            await after(transaction);
        }

        return commit;
    }

    public async IAsyncEnumerable<MetadataChange> WatchAsync(string prefix, long afterRevision, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Check();
        var cut = _cut;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, cut.Token);
        var watch = shared.WatchAsync(prefix, afterRevision, ended.Token).GetAsyncEnumerator(ended.Token);
        while (true)
        {
            try
            {
                await watch.MoveNextAsync();
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                throw new MetadataUnavailableException("the way to the metadata store is cut");
            }

            yield return watch.Current;
        }
    }

    public async Task<IMetadataLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        Check();
        var lease = new Lease(this, await shared.GrantLeaseAsync(timeToLive, cancellationToken));
        lock (_gate)
        {
            _leases.Add(lease);
        }

        return lease;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Check()
    {
        if (_cut.IsCancellationRequested)
        {
            throw new MetadataUnavailableException("the way to the metadata store is cut", nothingChanged: true);
        }
    }

    private sealed class Lease(NodeMetadata metadata, IMetadataLease lease) : IMetadataLease
    {
        public long Id => lease.Id;

        public CancellationToken Lost => lease.Lost;

        public ValueTask EndAsync() => lease.DisposeAsync();

        public async ValueTask DisposeAsync()
        {
            lock (metadata._gate)
            {
                metadata._leases.Remove(this);
            }

            if (!metadata._cut.IsCancellationRequested)
            {
                await lease.DisposeAsync();
            }
        }
    }
}
