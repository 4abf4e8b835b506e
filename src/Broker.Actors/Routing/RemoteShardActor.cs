using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>
/// The route from this node to the queues of one shard, wherever they are led: it has the stream to the leader, sends what this node's queues forward, in order, and hands the answers to them.
/// </summary>
/// <remarks>
/// What comes while there is no stream waits, for a bounded time and in bounded room, so that a hand-over that is quick is not noticed. What was sent and not answered when a stream ends is lost:
/// the other side has forgotten who asked.
/// </remarks>
internal sealed class RemoteShardActor(int shard, TimeSpan patience) : Actor
{
    /// <summary>A mailbox for all publishers and consumers that this node has on the shard; it takes memory as it fills.</summary>
    public const int MailboxSize = 1 << 16;

    private const long MaxWaitingBytes = 64 << 20;
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(50);
    private readonly Dictionary<ulong, ActorRef> _peers = []; // of what was forwarded and not lost since
    private readonly Queue<(RouteMessage Message, int Size)> _waiting = new();
    private readonly HashSet<ulong> _gone = []; // ended while there was no stream
    private readonly HashSet<ActorRef> _closing = []; // links on which a stream is not over yet
    private ActorRef? _link;
    private NodeLife _life;
    private ActorRef? _stream;
    private ShardSender? _sender;
    private bool _opening;
    private long _waitingBytes;
    private int _taken;

    private enum Signal
    {
        Overdue,
        Retry,
    }

    protected override void PreStart() =>
        Context.Describe(() => _sender is null ? $"shard {shard}: no stream, {_waitingBytes} bytes wait" : $"shard {shard}: to {_life.Node}, {_peers.Count} peers");

    protected override void Receive(object message)
    {
        switch (message)
        {
            case RouteCommand.Forward m:
                Forward(m.Queue, m.Message);
                break;
            case RouteCommand.Gone m:
                HandleGone(m.Peer);
                break;
            case RouteCommand.Aim m:
                Aim(m);
                break;
            case ShardMessage m when Sender == _stream:
                _taken++;
                HandleAnswer(m.Payload);
                break;
            case ShardRoom m:
                m.Sender.HandleRoom(m);
                break;
            case ShardOpened m when _opening && m.To == _life:
                Begin(m.Sender);
                break;
            case ShardOpened m:
                m.Sender.Abandon(); // it was not wanted any more before it was there
                break;
            case ShardClosed when _closing.Remove(Sender):
                Open();
                break;
            case ShardClosed m when Sender == _link:
                HandleClosed($"the stream to node '{_life.Node}' has ended ({m.Code}: {m.Reason})");
                break;
            case Signal.Retry:
                Open();
                break;
            case Signal.Overdue when _sender is null:
                Lose($"no node has led it for {patience.TotalSeconds:0.###} s");
                break;
            case ShardMessage or ShardClosed or Signal:
                break; // of a stream that was given up
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        if (_taken > 0)
        {
            _stream?.Tell(new ShardTaken(_taken), Self);
            _taken = 0;
        }

        while (_sender is { HasRoom: true } sender && _waiting.TryDequeue(out var next))
        {
            _waitingBytes -= next.Size;
            if (next.Size <= sender.MaxMessageBytes)
            {
                sender.TrySend(next.Message, next.Size);
            }
            else if (_peers.TryGetValue(next.Message.Peer, out var queue))
            {
                var fault = new FrameFault(ErrorCode.MessageTooLarge, $"the message takes {next.Size} bytes on the way to node '{_life.Node}', which takes {sender.MaxMessageBytes}");
                queue.Tell(new RouteMessage(RouteKind.Published, next.Message.Peer) { Number = next.Message.Number, Refused = [new RouteRefusal(0, next.Message.Items.Count, fault)] }, Self);
            }
        }
    }

    private void Forward(string queue, RouteMessage message)
    {
        if (_peers.TryAdd(message.Peer, Sender))
        {
            Add(new RouteMessage(RouteKind.PeerOpen, message.Peer) { Text = queue });
        }

        Add(message);
        if (_sender is null && _waitingBytes > MaxWaitingBytes)
        {
            Lose($"no node leads it, and {_waitingBytes} bytes wait for one");
        }
    }

    private void Add(RouteMessage message)
    {
        if (_sender is null && _waiting.Count == 0)
        {
            Context.Timers.StartSingle(Signal.Overdue, Signal.Overdue, patience);
        }

        var size = message.SizeBytes;
        _waiting.Enqueue((message, size));
        _waitingBytes += size;
    }

    private void HandleGone(ulong peer)
    {
        if (!_peers.Remove(peer))
        {
            return;
        }

        if (_sender is null)
        {
            _gone.Add(peer);
        }
        else
        {
            Add(new RouteMessage(RouteKind.PeerGone, peer));
        }
    }

    private void HandleAnswer(ReadOnlyMemory<byte> payload)
    {
        if (!RouteMessage.TryRead(payload, out var answer, out var fault))
        {
            var link = _link!;
            GiveUpStream($"node '{_life.Node}' has answered what cannot be read: {fault.Reason}");
            _link = link;
            return;
        }

        if (_peers.TryGetValue(answer.Peer, out var queue))
        {
            if (answer.Kind == RouteKind.PeerOver)
            {
                _peers.Remove(answer.Peer);
            }

            queue.Tell(answer, Self);
        }
    }

    private void Aim(RouteCommand.Aim aim)
    {
        if (aim.Link == _link && aim.Life == _life)
        {
            return;
        }

        GiveUpStream("its leader has gone or changed");
        (_link, _life) = (aim.Link, aim.Life);
        Open();
    }

    private void Open()
    {
        if (_link is not null && _sender is null && !_opening && !_closing.Contains(_link))
        {
            _opening = true;
            _link.Tell(new LinkMessage.OpenShard(shard, Self, IsRoute: true), Self);
        }
    }

    private void Begin(ShardSender sender)
    {
        _opening = false;
        _stream = Sender;
        _sender = sender;
        Context.Timers.Cancel(Signal.Overdue);
        for (var count = _gone.Count > 0 ? _waiting.Count : 0; count > 0; count--)
        {
            var next = _waiting.Dequeue();
            if (_gone.Contains(next.Message.Peer))
            {
                _waitingBytes -= next.Size;
            }
            else
            {
                _waiting.Enqueue(next);
            }
        }

        _gone.Clear();
    }

    private void HandleClosed(string reason)
    {
        _opening = false;
        if (_sender is not null)
        {
            _sender = null;
            _stream = null;
            Lose(reason);
        }

        Context.Timers.StartSingle(Signal.Retry, Signal.Retry, s_retry);
    }

    private void GiveUpStream(string reason)
    {
        if (_sender is not null || _opening)
        {
            _closing.Add(_link!);
        }

        _opening = false;
        _link = null;
        if (_sender is not null)
        {
            _sender.Abandon();
            _sender = null;
            _stream = null;
            Lose(reason);
        }
    }

    private void Lose(string reason)
    {
        var queues = _peers.Values.ToHashSet();
        _peers.Clear();
        _gone.Clear();
        _waiting.Clear();
        _waitingBytes = 0;
        Context.Timers.Cancel(Signal.Overdue);
        foreach (var queue in queues)
        {
            queue.Tell(new RouteCommand.Lost(reason), Self);
        }
    }
}
