using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>One direction between two nodes: what one sends the other, over one connection at a time.</summary>
internal sealed class SimulatedLink(ClusterWorld world, SimulatedMember from, SimulatedMember to)
{
    private SimulatedConnection? _connection;

    public SimulatedMember From => from;

    public SimulatedMember To => to;

    /// <summary>Nothing gets through.</summary>
    public bool IsCut { get; set; }

    /// <summary>What is sent arrives later by so much.</summary>
    public TimeSpan Lag { get; set; }

    public bool IsUp => _connection is not null;

    public IReadOnlyList<SimulatedStream> Streams => _connection?.Streams ?? [];

    /// <summary>Dials now, and again until it is connected. To be called once, and when a connection has ended.</summary>
    public void Dial()
    {
        if (!IsCut && from is { Life: { } source, IsPaused: false } && to is { Life: { } target, IsPaused: false })
        {
            _connection = new SimulatedConnection(world, this, source, target);
            world.Trace($"{from.Name}->{to.Name} up");
            source.Links[to.Name].Tell(new SimulatedLinkActor.Up(_connection));
        }
        else
        {
            world.Later(world.Delay(50, 250), Dial);
        }
    }

    /// <summary>What is on its way is lost; who dialled hears of it a little later.</summary>
    public void Break()
    {
        if (_connection is not { } connection)
        {
            return;
        }

        _connection = null;
        connection.IsBroken = true;
        world.Trace($"{from.Name}->{to.Name} broken");
        world.Later(world.Delay(0, 300), () =>
        {
            connection.End();
            world.Later(world.Delay(20, 300), Dial);
        });
    }
}

/// <summary>A connection from its beginning to its end.</summary>
internal sealed class SimulatedConnection(ClusterWorld world, SimulatedLink link, MemberLife from, MemberLife to)
{
    private long _sent;
    private long _lastArrived;

    private readonly List<SimulatedStream> _streams = [];

    public NodeLife ToLife { get; } = to.Cluster.Identity.Life;

    public NodeLife FromLife { get; } = from.Cluster.Identity.Life;

    public Guid ToStore { get; } = to.Cluster.Identity.Store;

    public MemberLife From => from;

    public MemberLife To => to;

    public bool IsBroken { get; set; }

    public IReadOnlyList<SimulatedStream> Streams => [.. _streams.Where(s => !s.IsOver)];

    public TimeSpan Delay() => world.NetworkDelay() + (link.Lag > TimeSpan.Zero ? world.Delay(0, (int)link.Lag.TotalMilliseconds) : TimeSpan.Zero);

    public long NextNumber() => ++_sent;

    /// <summary>Within a stream nothing is overtaken; between streams anything is.</summary>
    public void OnArrived(long number)
    {
        world.Seen.Count("overtaken between streams", number < _lastArrived ? 1 : 0);
        _lastArrived = Math.Max(_lastArrived, number);
    }

    public SimulatedStream Open(int shard, ActorRef outgoing)
    {
        var stream = new SimulatedStream(world, this, shard, outgoing);
        _streams.Add(stream);
        return stream;
    }

    public void End()
    {
        if (!from.IsOver)
        {
            from.Links[to.Member.Name].Tell(new SimulatedLinkActor.Down(this));
        }

        _streams.ForEach(s => s.EndIncoming());
    }
}

/// <summary>A shard's stream: in order, with the rooms that sender and receiver have.</summary>
internal sealed class SimulatedStream(ClusterWorld world, SimulatedConnection connection, int shard, ActorRef outgoing)
{
    private readonly Queue<ReadOnlyMemory<byte>> _waiting = new();
    private readonly Queue<int> _untaken = new();
    private ActorRef? _incoming;
    private long _untakenBytes;
    private TimeSpan _lastArrival;
    private bool _isReset;

    /// <summary>Messages that have come and wait for room.</summary>
    public int WaitingCount => _waiting.Count;

    public bool IsOver => _isReset || connection.IsBroken || connection.From.IsOver || connection.To.IsOver;

    public void Send(ReadOnlyMemory<byte> message)
    {
        var arrival = world.Now + connection.Delay();
        var number = connection.NextNumber();
        _lastArrival = arrival > _lastArrival ? arrival : _lastArrival;
        world.Later(_lastArrival - world.Now, () =>
        {
            if (!IsOver)
            {
                connection.OnArrived(number);
                _waiting.Enqueue(message);
                Pump();
            }
        });
    }

    /// <summary>It is reset, and its connection stays.</summary>
    public void Reset()
    {
        _isReset = true;
        connection.From.System.Stop(outgoing);
        EndIncoming();
    }

    public void EndIncoming()
    {
        if (_incoming is not null && !connection.To.IsOver)
        {
            connection.To.System.Stop(_incoming);
        }
    }

    private void Taken(int messages)
    {
        for (; messages > 0; messages--)
        {
            _untakenBytes -= _untaken.Dequeue();
        }

        if (!IsOver)
        {
            Pump();
        }
    }

    private void Pump()
    {
        while (_untakenBytes < world.Options.Links.ReceiveRoomBytes && _waiting.TryDequeue(out var message))
        {
            if (connection.To.Cluster.Replication.Find(shard) is not { } receiver)
            {
                Reset(); // nobody takes it there, or not yet
                return;
            }

            var cost = ShardCost.Of(message);
            _untaken.Enqueue(cost);
            _untakenBytes += cost;
            _incoming ??= connection.To.System.ActorOf(Props.Create(() => new Incoming(this)));
            world.Trace($"{connection.FromLife.Node}->{connection.ToLife.Node} {shard}: {message.Length} bytes");
            receiver.Tell(new ShardMessage(connection.FromLife, shard, message), _incoming);
            world.Later(connection.Delay(), () =>
            {
                if (!IsOver)
                {
                    outgoing.Tell(new SimulatedLinkActor.Room(cost));
                }
            });
        }
    }

    private sealed class Incoming(SimulatedStream stream) : Actor
    {
        protected override void Receive(object message) => stream.Taken(((ShardTaken)message).Messages);
    }
}

/// <summary>A link as the replicas of a node see it.</summary>
internal sealed class SimulatedLinkActor(string node) : Actor
{
    private readonly HashSet<ActorRef> _subscribers = [];
    private readonly Dictionary<ActorRef, (int Shard, ActorRef Owner)> _streams = [];
    private SimulatedConnection? _connection;

    public sealed record Up(SimulatedConnection Connection);

    public sealed record Down(SimulatedConnection Connection);

    public sealed record Room(int Bytes);

    protected override void Receive(object message)
    {
        switch (message)
        {
            case Up m:
                _connection = m.Connection;
                Publish(new LinkUp(m.Connection.ToLife, m.Connection.ToStore));
                break;
            case Down m when m.Connection == _connection:
                _connection = null;
                foreach (var stream in _streams.Keys)
                {
                    Context.Stop(stream);
                }

                Publish(new LinkDown(m.Connection.ToLife, ErrorCode.Unavailable, "it is simulated"));
                break;
            case LinkMessage.Subscribe m:
                if (_subscribers.Add(m.Subscriber) && _connection is { } connection)
                {
                    m.Subscriber.Tell(new LinkUp(connection.ToLife, connection.ToStore), Self);
                }

                break;
            case LinkMessage.OpenShard m when _connection is null:
                m.Owner.Tell(new ShardClosed(m.Shard, ErrorCode.Unavailable, $"the link to '{node}' is down"), Self);
                break;
            case LinkMessage.OpenShard m when _streams.Values.Any(s => s.Shard == m.Shard):
                m.Owner.Tell(new ShardClosed(m.Shard, ErrorCode.ResourceLocked, "it has a stream already"), Self);
                break;
            case LinkMessage.OpenShard m:
                var (to, shard) = (_connection!, m);
                var actor = Context.ActorOf(Props.Create(() => new Outgoing(to, shard)));
                _streams.Add(actor, (m.Shard, m.Owner));
                Context.Watch(actor);
                break;
            case Terminated m when _streams.Remove(m.Actor, out var ended):
                ended.Owner.Tell(new ShardClosed(ended.Shard, ErrorCode.Unavailable, "the stream broke"), Self);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Publish(object message)
    {
        foreach (var subscriber in _subscribers)
        {
            subscriber.Tell(message, Self);
        }
    }

    private sealed class Outgoing(SimulatedConnection connection, LinkMessage.OpenShard shard) : Actor
    {
        private SimulatedStream _stream = null!;
        private ShardSender _sender = null!;

        protected override void PreStart()
        {
            var links = connection.From.Cluster.Options.Links;
            _stream = connection.Open(shard.Shard, Self);
            _sender = new ShardSender(Self, shard.Shard, links.SendRoomBytes, links.MaxFrameBytes);
            shard.Owner.Tell(new ShardOpened(connection.ToLife, _sender), Self);
        }

        protected override void Receive(object message)
        {
            switch (message)
            {
                case ShardOutbox.Send m:
                    _stream.Send(m.Message);
                    break;
                case OutgoingShardActor.Close:
                    _stream.Reset();
                    break;
                case Room m:
                    shard.Owner.Tell(new ShardRoom(_sender, m.Bytes), Self);
                    break;
                default:
                    Unhandled(message);
                    break;
            }
        }
    }
}
