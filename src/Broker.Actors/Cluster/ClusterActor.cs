using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Coordination;
using Broker.Transport;

namespace Broker.Actors.Cluster;

/// <summary>
/// This node's part in the cluster: it keeps the node registered, reads who is there and who has which shard, has a link to each other node, and decides for all of them while it is the coordinator.
/// </summary>
/// <remarks>
/// <para>What it knows is in a <see cref="ClusterView"/> and may be behind; whatever it writes is compared with what it has read, so being behind costs a try and never more.</para>
/// <para>Asynchronous work comes back as a message. When the metadata store does not answer, everything stays as it is and is tried again.</para>
/// </remarks>
internal sealed partial class ClusterActor : Actor
{
    private readonly NodeServices _node;
    private readonly ClusterServices _cluster;
    private readonly IQuicTransport _transport;
    private readonly ClusterMembership _membership;
    private readonly BrokerClusterOptions _options;
    private readonly IMetadataStore _metadata;
    private readonly Random _random = new();
    private readonly RestartBackoff _retries = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));
    private readonly CancellationTokenSource _stopped = new();
    private readonly HashSet<ActorRef> _subscribers = [];
    private ClusterView _view = new();
    private Membership _life;
    private bool _isOver; // the life's lease has ended, and another has not begun
    private bool _isBeginning;
    private int _beginFailures;
    private TimeProvider _time = TimeProvider.System;
    private long _start;

    public ClusterActor(NodeServices node, IQuicTransport transport, ClusterMembership membership)
    {
        _node = node;
        _cluster = node.Cluster!;
        _transport = transport;
        _membership = membership;
        _options = _cluster.Options;
        _metadata = membership.Metadata;
        _life = membership.Current;
    }

    private sealed record LeaseLost(long Lease);

    private sealed record LifeBegun(Membership Life);

    private sealed record LifeFailed(Exception Reason);

    private sealed class BeginLife
    {
        public static readonly BeginLife Instance = new();
    }

    /// <summary>A link that failed is made anew, not restarted: its subscribers are not kept.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    private string Name => _membership.Name;

    private TimeSpan Now => _time.GetElapsedTime(_start);

    protected override void PreStart()
    {
        _time = Context.System.TimeProvider;
        _start = _time.GetTimestamp();
        foreach (var status in _cluster.Links.Statuses)
        {
            _cluster.Links.Remove(status.Node); // of an instance that failed
        }

        WatchLease();
        Read();
    }

    protected override void PostStop()
    {
        _stopped.Cancel();
        EndWatches();
    }

    protected override void Receive(object message)
    {
        Handle(message);
        UpdateBarrier();
    }

    private void Handle(object message)
    {
        switch (message)
        {
            case ClusterCommand m:
                Handle(m);
                break;
            case WatchMessage m:
                Handle(m);
                break;
            case LinkMessageOfCluster m:
                Handle(m);
                break;
            case LinkUp m:
                HandleLink(m.Life.Node, Sender, isUp: true, "");
                break;
            case LinkDown m:
                HandleLink(m.Life.Node, Sender, isUp: false, $"{m.Code}: {m.Reason}");
                break;
            case OfficeMessage m:
                Handle(m);
                break;
            case OperationMessage m:
                Handle(m);
                break;
            case LeaseLost m when m.Lease == _life.Lease.Id:
                EndLife("its lease has ended");
                break;
            case LeaseLost:
                break; // of an earlier life
            case BeginLife:
                Begin();
                break;
            case LifeBegun m:
                Enter(m.Life);
                break;
            case LifeFailed m:
                _isBeginning = false;
                Publish("node-down", Name, $"no new life yet: {m.Reason.Message}");
                Context.Timers.StartSingle(BeginLife.Instance, BeginLife.Instance, _retries.Delay(++_beginFailures, _random.NextDouble()));
                break;
            case LookAtBarrier:
                break;
            case Terminated m when _subscribers.Remove(m.Actor):
                break;
            case Terminated m:
                HandleEnd(m.Actor);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void WatchLease()
    {
        var (self, lease) = (Self, _life.Lease);
        lease.Lost.UnsafeRegister(_ => self.Tell(new LeaseLost(lease.Id)), null);
    }

    /// <summary>
    /// The present life is over. What this node leads goes on as it is until the next life begins or somebody else is elected: epochs exclude a leader that does not know that it is none, and
    /// leases do not.
    /// </summary>
    private void EndLife(string reason)
    {
        if (_isOver || _hasLeft)
        {
            return;
        }

        _isOver = true;
        Publish("node-down", Name, $"its life {_life.Life.Incarnation:x16} is over: {reason}");
        ConsiderOffice();
        Begin();
    }

    private void Begin()
    {
        if (!_isOver || _isBeginning || _hasLeft)
        {
            return;
        }

        _isBeginning = true;
        var old = _life.Lease;
        Context.PipeTo(BeginAsync(old, _membership, _stopped.Token), life => new LifeBegun(life), e => new LifeFailed(e));

        static async Task<Membership> BeginAsync(IMetadataLease old, ClusterMembership membership, CancellationToken stopped)
        {
            var life = await membership.BeginAsync(stopped);
            await old.DisposeAsync(); // what else went with it, such as the office of the coordinator, goes at once
            return life;
        }
    }

    private void Enter(Membership life)
    {
        (_life, _isOver, _isBeginning, _beginFailures) = (life, false, false, 0);
        if (_hasLeft)
        {
            Release();
            return;
        }

        _cluster.Identity = _cluster.Identity with { Life = life.Life };
        WatchLease();
        Publish("node-up", Name, $"it has begun another life, {life.Life.Incarnation:x16}");
        foreach (var replica in _cluster.Replicas)
        {
            replica.Tell(new ReplicaCommand.NewLife(life.Life), Self);
        }

        _cluster.LinkProtocol.Inbound.EndAll(); // who dialled the life that is over is to learn of this one
        RenewLinks();
        ConsiderOffice();
    }

    private void Publish(string kind, string subject, string detail)
    {
        var now = _time.GetUtcNow();
        _options.OnEvent?.Invoke(new ClusterEvent(now, kind, subject, detail));
        foreach (var subscriber in _subscribers)
        {
            subscriber.Tell(new ClusterReply.Event(now, kind, subject, detail), Self);
        }
    }
}
