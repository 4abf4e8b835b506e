using System.Collections.Concurrent;
using System.Globalization;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// A connection of another node: the first stream is its control stream, each further one that of a shard. The other node is welcome when every earlier connection of it has ended here, so that
/// nothing of the past follows.
/// </summary>
internal sealed class IncomingLinkActor(IQuicConnection connection, PeerIdentity identity, NodeServices node, NodeLinkProtocol protocol) : ConnectionActor(connection, identity, node)
{
    private readonly HashSet<ActorRef> _predecessors = [];
    private readonly ConcurrentDictionary<(int Shard, bool IsRoute), IncomingShardActor> _open = new();
    private ActorRef? _control;
    private LinkGreeting? _peer;
    private LinkIdentity? _self; // the life that the other node has found
    private bool _refused;
    private bool _welcomed;

    /// <summary>By the control stream's actor.</summary>
    public sealed record Hello(LinkGreeting Greeting);

    /// <summary>By the control stream's actor: the connection is to end.</summary>
    public sealed record Ending(FrameFault Fault);

    private sealed class HelloTimeout
    {
        public static readonly HelloTimeout Instance = new();
    }

    /// <summary>By the cluster's actor: this node has begun another life.</summary>
    public sealed class LifeEnded
    {
        public static readonly LifeEnded Instance = new();
    }

    /// <summary>By a newer connection of the same node.</summary>
    private sealed class Superseded
    {
        public static readonly Superseded Instance = new();
    }

    protected override void PreStart()
    {
        base.PreStart();
        if (LinkIdentity.RefusalOf(Identity.User, Identity.Roles.HasFlag(PeerRoles.Node)) is { } refusal)
        {
            Refuse(refusal);
            return;
        }

        Context.Timers.StartSingle(HelloTimeout.Instance, HelloTimeout.Instance, Node.Limits.OpeningTimeout);
    }

    protected override void PostStop()
    {
        if (_peer is { } peer)
        {
            protocol.Inbound.Leave(peer.Node, Self);
        }

        base.PostStop();
    }

    protected override void HandleStream(IQuicStream stream)
    {
        if (_refused)
        {
            StreamActor.Forget(stream.DisposeAsync());
        }
        else if (_control is null)
        {
            var self = Self;
            var status = Status.Open(stream.Id, "link control");
            _control = Context.ActorOf(Props.Create(() => new IncomingControlActor(stream, Node, status, self)), Name("control", stream));
            Context.Watch(_control);
        }
        else if (!_welcomed)
        {
            StreamActor.Forget(stream.DisposeAsync());
            Refuse(new FrameFault(ErrorCode.ProtocolViolation, "a shard's stream came before LINK_WELCOME"));
        }
        else
        {
            var from = new NodeLife(_peer!.Node, _peer.Incarnation);
            var status = Status.Open(stream.Id, "shard");
            var maxMessageBytes = _peer.MaxFrameBytes;
            Context.ActorOf(
                Props.Create(() => new IncomingShardActor(stream, Node, status, from, protocol.Receivers, _open, protocol.Options, maxMessageBytes))
                    .WithMailbox(ShardCost.MailboxFor(protocol.Options.SendRoomBytes)),
                Name("shard", stream));
        }
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case Hello when _refused:
                break;
            case Hello m:
                Greet(m.Greeting);
                break;
            case Ending m:
                Refuse(m.Fault);
                break;
            case Terminated m when _predecessors.Remove(m.Actor):
                WelcomeIfAlone();
                break;
            case Terminated: // of the control stream; after an orderly end the connection is closed already, and this has no effect
                Refuse(new FrameFault(ErrorCode.ProtocolViolation, "the control stream was reset; it lives as long as the link"));
                break;
            case Superseded:
                Refuse(new FrameFault(ErrorCode.ResourceLocked, $"node '{Identity.User}' has dialled again"));
                break;
            case LifeEnded:
                Refuse(new FrameFault(ErrorCode.Unavailable, "this node has begun another life"));
                break;
            case HelloTimeout:
                Refuse(new FrameFault(ErrorCode.HandshakeTimeout, $"no LINK_HELLO within {Node.Limits.OpeningTimeout.TotalSeconds:0.#} s"));
                break;
            case NodeServes:
                break; // for streams of clients; those of shards are refused or taken by their receivers
            default:
                Unhandled(message);
                break;
        }
    }

    private void Greet(LinkGreeting greeting)
    {
        if (protocol.Identity is not { } self)
        {
            Refuse(new FrameFault(ErrorCode.Unavailable, "this node has not joined its cluster yet"));
            return;
        }

        if (self.RefusalOf(greeting, Identity.User) is { } refusal)
        {
            Refuse(refusal);
            return;
        }

        _self = self;

        _peer = greeting;
        Status.ClientName = greeting.Node;
        Context.Timers.Cancel(HelloTimeout.Instance);
        foreach (var other in protocol.Inbound.Enter(greeting.Node, Self))
        {
            _predecessors.Add(other);
            Context.Watch(other);
            other.Tell(Superseded.Instance, Self);
        }

        WelcomeIfAlone();
    }

    private void WelcomeIfAlone()
    {
        if (_predecessors.Count == 0 && !_refused)
        {
            _welcomed = true;
            _control!.Tell(new IncomingControlActor.Accepted(new LinkWelcomeFrame(_self!.Greet(protocol.Options.MaxFrameBytes))), Self);
        }
    }

    private void Refuse(FrameFault fault)
    {
        _refused = true;
        Close((long)fault.Code, fault.Reason);
    }

    private static string Name(string kind, IQuicStream stream) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{stream.Id}");
}
