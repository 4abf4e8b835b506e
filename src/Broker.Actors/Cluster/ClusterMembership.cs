using Broker.Coordination;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>A life of this node, as the cluster knows it.</summary>
/// <param name="Lease">What it goes with.</param>
/// <param name="Life">Its name and number.</param>
/// <param name="Revision">Of its registration.</param>
internal sealed record Membership(IMetadataLease Lease, NodeLife Life, long Revision);

/// <summary>How this node enters the cluster: what it must have in common with the others, what is asked of it, and its registration in each of its lives.</summary>
/// <param name="metadata">What the cluster agrees in.</param>
/// <param name="self">What the node says of itself; its incarnation is that of each life's lease.</param>
/// <param name="cluster">What the cluster must be.</param>
/// <param name="leaseTime">How long its lease lasts.</param>
/// <param name="time">Clock of waits.</param>
internal sealed class ClusterMembership(IMetadataStore metadata, NodeRegistration self, ClusterInfo cluster, TimeSpan leaseTime, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_slack = TimeSpan.FromSeconds(2); // of the store that ends leases
    private volatile Membership? _current;

    public IMetadataStore Metadata => metadata;

    public string Name => self.Name;

    public Guid Store => self.Store;

    /// <summary>The present life, or the last one if it has ended. Only once <see cref="BeginAsync"/> has completed.</summary>
    public Membership Current => _current ?? throw new InvalidOperationException("the node has not been registered yet");

    /// <summary>Makes sure that the cluster is the one that this node is set up for. The first node says what the cluster is.</summary>
    /// <exception cref="IOException">It is another one, or the metadata store does not answer.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await FindAsync(ClusterKeys.Cluster, cancellationToken) is { } stored)
            {
                var found = ReadOrRefuse(ClusterKeys.Cluster, () => ClusterValues.ReadCluster(stored.Value.Span));
                if (found.Name != cluster.Name)
                {
                    throw new IOException(
                        $"the metadata store is that of cluster '{found.Name}', and this node is set up for cluster '{cluster.Name}'. Correct the name, or give the cluster a key prefix of its own");
                }

                if (found.Shards != cluster.Shards)
                {
                    throw new IOException(
                        $"cluster '{found.Name}' began with {found.Shards} shards, and this node is set up for {cluster.Shards}. The number is fixed when a cluster begins: set it to {found.Shards}");
                }

                return;
            }

            var commit = await metadata.CommitAsync(
                new MetadataTransaction
                {
                    Conditions = [new MetadataCondition(ClusterKeys.Cluster, 0)],
                    Operations = [MetadataOperation.Put(ClusterKeys.Cluster, ClusterValues.Write(cluster))],
                },
                cancellationToken);
            if (commit.Succeeded)
            {
                return;
            }
        }
    }

    /// <summary>Says where the node is, and ends its drain: a restart is what that was for. What else is asked of it stays.</summary>
    /// <exception cref="IOException">The metadata store does not answer, or has something else there.</exception>
    public async Task StandAsync(CancellationToken cancellationToken)
    {
        var key = ClusterKeys.OfStanding(self.Name);
        while (true)
        {
            var stored = await FindAsync(key, cancellationToken);
            var before = stored is null ? null : ReadOrRefuse(key, () => ClusterValues.ReadStanding(stored.Value.Span));
            var state = before is null or { State: NodeState.Draining } ? NodeState.Up : before.State;
            var after = new NodeStanding(state, self.Zone);
            if (after == before || await PutAsync(key, ClusterValues.Write(after), stored?.ModRevision ?? 0, 0, cancellationToken) is { Succeeded: true })
            {
                return;
            }
        }
    }

    /// <summary>Begins a life: a lease, and the registration that goes with it. An earlier life of the same store is over with that.</summary>
    /// <exception cref="IOException">Another store has the name, or the metadata store does not answer.</exception>
    public async Task<Membership> BeginAsync(CancellationToken cancellationToken)
    {
        var lease = await metadata.GrantLeaseAsync(leaseTime, cancellationToken);
        try
        {
            return _current = await RegisterAsync(lease, cancellationToken);
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
    }

    private async Task<Membership> RegisterAsync(IMetadataLease lease, CancellationToken cancellationToken)
    {
        var key = ClusterKeys.OfNode(self.Name);
        var value = NodeRegistrationCodec.Write(self with { Incarnation = lease.Id });
        var life = new NodeLife(self.Name, lease.Id);
        var start = time.GetTimestamp();
        while (true)
        {
            var stored = await FindAsync(key, cancellationToken);
            var holder = stored is null ? null : ReadOrRefuse(key, () => NodeRegistrationCodec.Read(stored.Value.Span));
            if (holder is not null && holder.Store != self.Store)
            {
                if (time.GetElapsedTime(start) > leaseTime + s_slack)
                {
                    throw new IOException(
                        $"another node is '{self.Name}': one with store {holder.Store} at {string.Join(", ", holder.Addresses)}. "
                        + "Names are unique in a cluster; give this node another one, or stop the other node");
                }

                await Task.Delay(s_pause, time, cancellationToken);
                continue;
            }

            if (holder?.Incarnation == lease.Id)
            {
                return new Membership(lease, life, stored!.ModRevision); // a transaction whose answer was lost
            }

            try
            {
                if (await PutAsync(key, value, stored?.ModRevision ?? 0, lease.Id, cancellationToken) is { Succeeded: true } commit)
                {
                    return new Membership(lease, life, commit.Revision);
                }
            }
            catch (MetadataUnavailableException e) when (!e.NothingChanged)
            {
                await Task.Delay(s_pause, time, cancellationToken); // whether it took place shows when it answers again
            }
        }
    }

    /// <summary>The value of one key; <c>null</c> if it is absent.</summary>
    public async Task<MetadataValue?> FindAsync(string key, CancellationToken cancellationToken) =>
        (await metadata.ReadAsync(key, cancellationToken)).Values.FirstOrDefault(v => v.Key == key);

    private Task<MetadataCommit> PutAsync(string key, ReadOnlyMemory<byte> value, long revision, long lease, CancellationToken cancellationToken) => metadata.CommitAsync(
        new MetadataTransaction { Conditions = [new MetadataCondition(key, revision)], Operations = [MetadataOperation.Put(key, value, lease)] }, cancellationToken);

    private static T ReadOrRefuse<T>(string key, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (ClusterFormatException e)
        {
            throw new IOException($"metadata key '{key}' cannot be read: {e.Message}", e);
        }
    }
}
