using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines;
using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// A shard's stream on the side that dialled. Messages wait here while QUIC's flow control holds the stream up; the owner gets its room back when the transport has taken them. On a stream of a
/// shard's log the other side sends nothing but ERROR; on one for its queues it answers, and is not read while the owner has not taken what came.
/// </summary>
internal sealed class OutgoingShardActor(IQuicStream stream, NodeServices node, StreamStatus status, NodeLinkActor.ShardStream shard, NodeLife to, int maxMessageBytes, NodeLinkOptions options)
    : FrameStreamActor(stream, node, status, shard.IsRoute ? options.MaxFrameBytes : ProtocolLimits.MaxControlFrameBytes)
{
    private readonly ShardOutbox _outbox = new(options.SendRoomBytes);
    private readonly ShardInbox _inbox = new(options.ReceiveRoomBytes);
    private ShardSender _sender = null!;
    private bool _opened;
    private bool _closing;

    /// <summary>By <see cref="ShardSender"/>: send what there is, then FIN.</summary>
    public sealed class Close
    {
        public static readonly Close Instance = new();
    }

    /// <summary>By <see cref="ShardSender"/>: end at once.</summary>
    public sealed class Abandon
    {
        public static readonly Abandon Instance = new();
    }

    /// <summary>Also while nothing may be written any more: that is when the reason comes.</summary>
    protected override bool MayRead => MayHandleFrames;

    protected override bool MayHandleFrames => _inbox.HasRoom;

    protected override bool HasMoreOutput => !_outbox.IsEmpty;

    protected override void PreStart()
    {
        base.PreStart();
        _sender = new ShardSender(Self, shard.Number, options.SendRoomBytes, maxMessageBytes);
        Context.Watch(shard.Owner);
        shard.Owner.Tell(new ShardOpened(to, _sender), Self);
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case ShardOutbox.Send m:
                Invariant.That(!_closing, "a message was sent to a shard after its end");
                _outbox.Add(m);
                break;
            case ShardTaken m:
                _inbox.Take(m.Messages);
                break;
            case Abandon:
                GiveUp(new FrameFault(ErrorCode.NoError, "its owner has closed it"));
                break;
            case Close:
                Report(new FrameFault(ErrorCode.NoError, "its owner has closed it"));
                _closing = true;
                break;
            case Terminated:
                GiveUp(new FrameFault(ErrorCode.Cancelled, "its owner has ended"));
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void WriteFrames()
    {
        if (!_opened)
        {
            _opened = true;
            if (shard.IsRoute)
            {
                new RouteOpenFrame(shard.Number).Write(Output);
            }
            else
            {
                new ShardOpenFrame(shard.Number).Write(Output);
            }

            MarkWritten();
        }

        if (_outbox.WriteTo(Output))
        {
            MarkWritten();
        }

        if (_closing && _outbox.IsEmpty)
        {
            EndOutput();
        }
    }

    protected override void HandleFlushed()
    {
        if (_outbox.HandleFlushed() is > 0 and var room)
        {
            shard.Owner.Tell(new ShardRoom(_sender, room), Self);
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if ((LinkFrameType)type == LinkFrameType.RouteMessage && shard.IsRoute)
        {
            ReadOnlyMemory<byte> message = payload.ToArray();
            _inbox.Add(message);
            shard.Owner.Tell(new ShardMessage(to, shard.Number, message), Self);
            return null;
        }

        var fault = (LinkFrameType)type == LinkFrameType.Error
            ? ErrorFrame.TryRead(payload, out var error, out var malformed) ? new FrameFault(error.Code, error.Reason) : malformed
            : LinkFaults.Unexpected(type, "shard");
        GiveUp(fault);
        return null;
    }

    protected override void HandleInputEnded() => Context.Stop(Self);

    /// <summary>If it was not this side that ended it, the other one has stopped it, and says why in an ERROR that may come later.</summary>
    protected override void HandleOutputFinished()
    {
        if (_closing)
        {
            Context.Stop(Self);
        }
        else
        {
            Context.Timers.StartSingle(StreamSignal.ClosingTimeout, StreamSignal.ClosingTimeout, Node.Limits.ClosingTimeout);
        }
    }

    private void GiveUp(FrameFault fault)
    {
        Report(fault);
        Abort((long)(fault.Code == ErrorCode.NoError ? ErrorCode.Cancelled : fault.Code));
    }

    private void Report(FrameFault fault) => shard.Fault ??= fault;
}
