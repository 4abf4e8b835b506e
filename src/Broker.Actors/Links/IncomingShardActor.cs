using System.Collections.Concurrent;
using Broker.Actors.Connections;
using Broker.Actors.Direct;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// A shard's stream on the side that accepted. It hands messages to the shard's receiver, no more than that one takes; while it does not, the stream is not read, and QUIC's flow control
/// holds up the sender of this shard and nobody else. If it is for the shard's queues, the receiver is a child of its own, which ends with the stream and answers on it.
/// </summary>
internal sealed class IncomingShardActor(
    IQuicStream stream, NodeServices node, StreamStatus status, NodeLife from, ShardReceivers receivers, ConcurrentDictionary<(int Shard, bool IsRoute), IncomingShardActor> open,
        NodeLinkOptions options,
    int maxMessageBytes)
    : FrameStreamActor(stream, node, status, options.MaxFrameBytes)
{
    private readonly ShardInbox _inbox = new(options.ReceiveRoomBytes);
    private readonly ShardOutbox _outbox = new(options.SendRoomBytes);
    private ShardSender? _sender; // for answers: it is for queues
    private ActorRef? _receiver;
    private int _shard;
    private bool _ended;

    protected override bool MayHandleFrames => _inbox.HasRoom;

    /// <summary>Also while answers wait for the other side: it may itself wait for this one to read.</summary>
    protected override bool MayRead => !_ended && !IsClosing && MayHandleFrames;

    protected override bool HasMoreOutput => !_outbox.IsEmpty;

    protected override void PostStop()
    {
        open.TryRemove(KeyValuePair.Create((_shard, _sender is not null), this));
        base.PostStop();
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case ShardTaken m:
                _inbox.Take(m.Messages);
                break;
            case ShardOutbox.Send m:
                _outbox.Add(m);
                break;
            case Terminated when !_ended:
                End(new FrameFault(ErrorCode.Unavailable, $"the receiver of shard {_shard} has ended"));
                break;
            case Terminated:
                break;
            case RoutedShardActor.Malformed m:
                End(m.Fault);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        switch ((LinkFrameType)type)
        {
            case LinkFrameType.ShardOpen when _receiver is null:
                return ShardOpenFrame.TryRead(payload, out var opened, out var fault) ? Open(opened.Shard) : fault;
            case LinkFrameType.ShardMessage when _receiver is not null && _sender is null:
                return HandOver(_receiver, payload);
            case LinkFrameType.RouteOpen when _receiver is null:
                return RouteOpenFrame.TryRead(payload, out var route, out var routeFault) ? OpenRoute(route.Shard) : routeFault;
            case LinkFrameType.RouteMessage when _sender is not null:
                return HandOver(_receiver!, payload);
            default:
                return LinkFaults.Unexpected(type, "shard");
        }
    }

    private FrameFault? Open(int shard)
    {
        if (receivers.Find(shard) is not { } receiver)
        {
            return new FrameFault(ErrorCode.NotFound, $"nobody takes messages of shard {shard} here");
        }

        if (!open.TryAdd((shard, false), this))
        {
            return Taken(shard);
        }

        Begin(shard, receiver);
        return null;
    }

    private FrameFault? OpenRoute(int shard)
    {
        if (Node.Cluster is null || (shard >= Node.Options.ShardCount && shard != LinkInfo.InboxRoute))
        {
            return new FrameFault(ErrorCode.NotFound, $"there are no queues of shard {shard} here");
        }

        if (!open.TryAdd((shard, true), this))
        {
            return Taken(shard);
        }

        var sender = _sender = new ShardSender(Self, shard, options.SendRoomBytes, maxMessageBytes);
        var far = shard == LinkInfo.InboxRoute ? Props.Create(() => new RoutedInboxesActor(Node, sender)) : Props.Create(() => new RoutedShardActor(Node, shard, sender));
        Begin(shard, Context.ActorOf(far.WithMailbox(RoutedShardActor.MailboxSize), "route"));
        return null;
    }

    private void Begin(int shard, ActorRef receiver)
    {
        _shard = shard;
        _receiver = receiver;
        Status.Subject = $"shard {shard}";
        Context.Watch(receiver);
    }

    private FrameFault? HandOver(ActorRef receiver, ReadOnlySpan<byte> payload)
    {
        ReadOnlyMemory<byte> message = payload.ToArray();
        _inbox.Add(message);
        receiver.Tell(new ShardMessage(from, _shard, message), Self);
        return null;
    }

    protected override void WriteFrames()
    {
        if (_outbox.WriteTo(Output))
        {
            MarkWritten();
        }
    }

    protected override void HandleFlushed()
    {
        if (_sender is not null && _outbox.HandleFlushed() is > 0 and var room)
        {
            _receiver!.Tell(new ShardRoom(_sender, room), Self);
        }
    }

    protected override void HandleInputEnded()
    {
        StopRoute();
        base.HandleInputEnded();
    }

    protected override void EndForFault(FrameFault fault)
    {
        StopRoute();
        base.EndForFault(fault);
    }

    private void End(FrameFault fault)
    {
        _ended = true;
        Fail(fault);
    }

    /// <summary>What the peers of a stream that is over hold goes back at once.</summary>
    private void StopRoute()
    {
        _ended = true;
        if (_sender is not null)
        {
            Context.Stop(_receiver!);
        }
    }

    private static FrameFault Taken(int shard) => new(ErrorCode.ResourceLocked, $"shard {shard} has a stream already; its messages would lose their order");
}
