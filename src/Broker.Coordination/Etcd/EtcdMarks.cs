using System.Collections.Concurrent;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>
/// The marks of this process: one for each transaction that is under way at the same time. They go with a lease that is never renewed but followed by the next one, so that nothing has to be
/// kept alive, and nothing stays in etcd for longer than it lasts.
/// </summary>
internal sealed class EtcdMarks(EtcdMembers members, EtcdKeys keys)
{
    // Half of it is for new transactions; the rest must outlast the finding out, which EtcdOptions.Patience bounds to a minute.
    private static readonly TimeSpan s_timeToLive = TimeSpan.FromMinutes(10);
    private readonly Lock _gate = new();
    private Task<EtcdMarkLease>? _lease;

    /// <summary>A mark that nobody else uses.</summary>
    /// <exception cref="Grpc.GrpcException">etcd refuses a lease.</exception>
    /// <exception cref="MetadataUnavailableException">etcd does not answer.</exception>
    public async Task<EtcdMark> TakeAsync(CancellationToken closing)
    {
        Task<EtcdMarkLease> lease;
        lock (_gate)
        {
            if (_lease is null || (_lease.IsCompleted && !IsFresh(_lease)))
            {
                _lease = BeginAsync(closing);
            }

            lease = _lease;
        }

        return (await lease).Take(keys);
    }

    /// <summary>Ends the lease, so that the marks are gone at once. If etcd does not answer at once, they go by themselves.</summary>
    public async Task CloseAsync()
    {
        if (_lease is { IsCompletedSuccessfully: true } lease)
        {
            var request = new LeaseRevokeRequest { ID = (await lease).Id };
            await ((Task)members.CallAsync(members.Current, EtcdMethods.LeaseRevoke, request, members.Options.TryTimeout, CancellationToken.None))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsFresh(Task<EtcdMarkLease> lease) =>
        lease is { IsCompletedSuccessfully: true, Result: { HasEnded: false } result } && members.Time.GetElapsedTime(result.Began) < s_timeToLive / 2;

    private async Task<EtcdMarkLease> BeginAsync(CancellationToken closing)
    {
        var began = members.Time.GetTimestamp();
        var granted = await members.CallAsync(EtcdMethods.LeaseGrant, new LeaseGrantRequest { TTL = (long)s_timeToLive.TotalSeconds }, closing);
        return new EtcdMarkLease(granted.ID, began);
    }
}

/// <summary>A lease of marks, and those that are free.</summary>
internal sealed class EtcdMarkLease(long id, long began)
{
    private readonly ConcurrentStack<EtcdMark> _free = new();
    private int _count;

    public long Id => id;

    /// <summary>When it was asked for.</summary>
    public long Began => began;

    /// <summary>Whether etcd does not know it any more.</summary>
    public bool HasEnded { get; set; }

    public EtcdMark Take(EtcdKeys keys) => _free.TryPop(out var mark) ? mark : new EtcdMark(keys.OfMark(id, Interlocked.Increment(ref _count)), this);

    /// <summary>Nothing is under way with the mark any more, and it is known when it was last written.</summary>
    public void Return(EtcdMark mark) => _free.Push(mark);
}
