using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>Leases.</summary>
public sealed partial class EtcdMetadataStore
{
    private readonly HashSet<EtcdLease> _leases = [];

    /// <inheritdoc/>
    /// <remarks>
    /// etcd counts in whole seconds, and lets no lease be shorter than one and a half of its election timeout (2 s at its defaults): a time is made longer to fit. If etcd's leader may hang, 5 s is
    /// the least that is safe from being lost to its election.
    /// </remarks>
    public Task<IMetadataLease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        MetadataChecks.CheckTimeToLive(timeToLive);
        return UntilClosedAsync(token => GrantAsync((long)Math.Ceiling(timeToLive.TotalSeconds), token), cancellationToken);
    }

    private async Task<IMetadataLease> GrantAsync(long seconds, CancellationToken cancellationToken)
    {
        try
        {
            // A grant without an answer may be repeated: one that nobody knows ends by itself.
            var tries = new EtcdTries(_members, _members.Options.Patience);
            while (true)
            {
                var asked = _members.Time.GetTimestamp();
                try
                {
                    return Keep(await tries.OnceAsync(EtcdMethods.LeaseGrant, new LeaseGrantRequest { TTL = seconds }, cancellationToken), asked);
                }
                catch (GrpcException e) when (!e.IsRefusal)
                {
                    await tries.FailAsync(e, nothingChanged: false, cancellationToken);
                }
            }
        }
        catch (GrpcException e)
        {
            throw EtcdRefusals.Explain(e, nothingChanged: true);
        }
    }

    private EtcdLease Keep(LeaseGrantResponse granted, long asked)
    {
        var lease = new EtcdLease(_members, granted, asked, Forget, _closing.Token);
        lock (_gate)
        {
            if (!_isClosed)
            {
                _leases.Add(lease);
                return lease;
            }
        }

        lease.End();
        return lease;
    }

    private void Forget(EtcdLease lease)
    {
        lock (_gate)
        {
            _leases.Remove(lease);
        }
    }
}
