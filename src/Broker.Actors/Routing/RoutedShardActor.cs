using System.Globalization;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>
/// The far end of a route, on the node that leads the shard; child of the stream's actor. Each peer of the other node is a child of its own, so that queues know them apart; when the stream
/// ends, all end,
/// and queues take back what they held.
/// </summary>
internal sealed class RoutedShardActor(NodeServices node, int shard, ShardSender sender) : Actor
{
    /// <summary>As of <see cref="RemoteShardActor.MailboxSize"/>.</summary>
    public const int MailboxSize = RemoteShardActor.MailboxSize;

    private readonly Dictionary<ulong, ActorRef> _peers = [];
    private readonly Dictionary<ActorRef, ulong> _numbers = [];
    private readonly Queue<RouteMessage> _answers = new();
    private int _taken;

    /// <summary>To the stream's actor: it is to end for this.</summary>
    public sealed record Malformed(FrameFault Fault);

    /// <summary>A failure ends the peer, whose other half hears of it.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart() => Context.Describe(() => $"shard {shard}: {_peers.Count} peers");

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardMessage m:
                _taken++;
                if (!RouteMessage.TryRead(m.Payload, out var route, out var fault))
                {
                    Context.Parent.Tell(new Malformed(fault), Self);
                    return;
                }

                Handle(route);
                break;
            case ShardRoom m:
                sender.HandleRoom(m);
                break;
            case RouteMessage m:
                if (m.Kind == RouteKind.PeerOver)
                {
                    Remove(m.Peer);
                }

                _answers.Enqueue(m);
                break;
            case Terminated m:
                if (_numbers.TryGetValue(m.Actor, out var failed))
                {
                    Remove(failed);
                    _answers.Enqueue(new RouteMessage(RouteKind.PeerOver, failed) { Fault = new FrameFault(ErrorCode.Unavailable, "it has failed") });
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        if (_taken > 0)
        {
            Context.Parent.Tell(new ShardTaken(_taken), Self);
            _taken = 0;
        }

        while (sender.HasRoom && _answers.TryDequeue(out var answer))
        {
            var size = answer.SizeBytes;
            if (size > sender.MaxMessageBytes)
            {
                answer = new RouteMessage(RouteKind.PeerOver, answer.Peer)
                {
                    Fault = new FrameFault(ErrorCode.MessageTooLarge, $"a message takes {size} bytes between nodes, and {sender.MaxMessageBytes} are taken"),
                };
                size = answer.SizeBytes;
                Stop(answer.Peer);
            }

            sender.TrySend(answer, size);
        }
    }

    private void Handle(RouteMessage message)
    {
        if (message.Kind == RouteKind.PeerOpen)
        {
            if (_peers.ContainsKey(message.Peer))
            {
                Context.Parent.Tell(new Malformed(new FrameFault(ErrorCode.ProtocolViolation, $"peer {message.Peer} was opened twice")), Self);
                return;
            }

            var (number, queue) = (message.Peer, message.Text);
            var actor = Context.ActorOf(
                Props.Create(() => new RoutedPeerActor(node, shard, number, queue)).WithMailbox(MailboxSize), string.Create(CultureInfo.InvariantCulture, $"peer-{number}"));
            _peers.Add(number, actor);
            _numbers.Add(actor, number);
            Context.Watch(actor);
        }
        else if (message.Kind == RouteKind.PeerGone)
        {
            Stop(message.Peer);
        }
        else if (_peers.TryGetValue(message.Peer, out var peer))
        {
            peer.Tell(message, Self); // else it is over, which the other side is about to hear
        }
    }

    private void Stop(ulong peer)
    {
        if (_peers.TryGetValue(peer, out var actor))
        {
            Remove(peer);
            Context.Stop(actor);
        }
    }

    private void Remove(ulong peer)
    {
        if (_peers.Remove(peer, out var actor))
        {
            _numbers.Remove(actor);
        }
    }
}
