using Broker.Coordination.Etcd.Grpc;
using Broker.Coordination.Etcd.Proto;

namespace Broker.Coordination.Etcd;

/// <summary>
/// A lease of an <see cref="EtcdMetadataStore"/>, renewed each third of its time. It is lost, by the local clock, a tenth of its time before etcd could end it, counted from when the last
/// renewal that was answered was <em>sent</em>. Until then an etcd that does not answer costs it nothing.
/// </summary>
internal sealed class EtcdLease : IMetadataLease
{
    private readonly EtcdMembers _members;
    private readonly CancellationTokenSource _lost = new(); // not disposed of: whoever asks for the token later must get one
    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private readonly Action<EtcdLease> _forget;
    private readonly CancellationToken _closing;
    private long _renewed; // timestamp
    private TimeSpan _reliable; // from then on
    private TimeSpan _timeToLive;
    private bool _isOver;
    private Task? _revoked;

    public EtcdLease(EtcdMembers members, LeaseGrantResponse granted, long asked, Action<EtcdLease> forget, CancellationToken closing)
    {
        _members = members;
        _closing = closing;
        _forget = forget;
        Id = granted.ID;
        _timer = members.Time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Extend(asked, granted.TTL);
        _ = Task.Run(KeepAsync, CancellationToken.None);
    }

    public long Id { get; }

    public CancellationToken Lost
    {
        get
        {
            // After a pause of the whole process the timer may be late.
            Look();
            return _lost.Token;
        }
    }

    /// <summary>It cannot be relied on any more. What hangs on that runs on threads of the pool.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return;
            }

            _isOver = true;
        }

        _timer.Dispose();
        _forget(this);
        _ = _ended.CancelAsync();
        _ = _lost.CancelAsync();
    }

    public async ValueTask DisposeAsync()
    {
        End();
        Task revoked;
        lock (_gate)
        {
            revoked = _revoked ??= RevokeAsync();
        }

        await revoked;
    }

    private async Task RevokeAsync()
    {
        try
        {
            await _members.CallAsync(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = Id }, _closing);
        }
        catch (Exception e) when (e is GrpcException or MetadataUnavailableException or OperationCanceledException)
        {
            // It has ended already, or does so when its time is over.
        }
    }

    private async Task KeepAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(_timeToLive / 3, _members.Time, _ended.Token);
                await RenewAsync();
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (MetadataUnavailableException)
        {
            End(); // that was another cluster
        }
    }

    // The timer ends this if nobody answers.
    private async Task RenewAsync()
    {
        var quick = _timeToLive / 5; // so that there is time for all of three members, of which one hangs
        var tries = new EtcdTries(_members, Timeout.InfiniteTimeSpan) { Timeout = quick < _members.Options.TryTimeout ? quick : _members.Options.TryTimeout };
        while (true)
        {
            try
            {
                var sent = _members.Time.GetTimestamp();
                var answer = await tries.OnceAsync(EtcdMethods.LeaseKeepAlive, new LeaseKeepAliveRequest { ID = Id }, _ended.Token);
                if (answer.TTL <= 0)
                {
                    End(); // etcd does not know it
                }
                else
                {
                    Extend(sent, answer.TTL);
                }

                return;
            }
            catch (GrpcException e)
            {
                await tries.FailAsync(e, nothingChanged: false, _ended.Token);
            }
        }
    }

    private void Extend(long sent, long seconds)
    {
        lock (_gate)
        {
            if (_isOver)
            {
                return;
            }

            _renewed = sent;
            _timeToLive = TimeSpan.FromSeconds(seconds);
            _reliable = _timeToLive * 0.9;
            var left = _reliable - _members.Time.GetElapsedTime(sent);
            _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            var left = _reliable - _members.Time.GetElapsedTime(_renewed);
            if (_isOver || left > TimeSpan.Zero)
            {
                // A timer may come early by its granularity.
                if (!_isOver)
                {
                    _timer.Change(left, Timeout.InfiniteTimeSpan);
                }

                return;
            }
        }

        End();
    }
}
