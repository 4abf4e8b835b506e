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
/// A shard's stream on the side that sends. Messages wait here while QUIC's flow control holds the stream up; the owner gets its room back when the transport has taken them. The other side
/// sends nothing but ERROR.
/// </summary>
internal sealed class OutgoingShardActor(IQuicStream stream, NodeServices node, StreamStatus status, NodeLinkActor.ShardStream shard, NodeLife to, int maxMessageBytes, NodeLinkOptions options)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxControlFrameBytes)
{
    /// <summary>What is written before a flush. It is small beside the transport's buffer, so that what waits, waits here.</summary>
    private const int FlushBytes = 64 << 10;

    private readonly Queue<ReadOnlyMemory<byte>> _queue = new();
    private ShardSender _sender = null!;
    private int _room = options.SendRoomBytes;
    private int _unflushed;
    private bool _opened;
    private bool _closing;

    /// <summary>By <see cref="ShardSender"/>.</summary>
    public sealed record Send(ReadOnlyMemory<byte> Message);

    /// <summary>By <see cref="ShardSender"/>: send what there is, then FIN.</summary>
    public sealed class Close
    {
        public static readonly Close Instance = new();
    }

    /// <summary>Also while nothing may be written any more: that is when the reason comes.</summary>
    protected override bool MayRead => true;

    protected override bool HasMoreOutput => _queue.Count > 0;

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
            case Send m:
                Invariant.That(_room > 0 && !_closing, "a message was sent to a shard without room for it or after its end");
                _room -= ShardCost.Of(m.Message);
                _queue.Enqueue(m.Message);
                break;
            case Close:
                Report(new FrameFault(ErrorCode.NoError, "its owner has closed it"));
                _closing = true;
                break;
            case Terminated:
                Report(new FrameFault(ErrorCode.Cancelled, "its owner has ended"));
                Abort((long)ErrorCode.Cancelled);
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
            new ShardOpenFrame(shard.Number).Write(Output);
            MarkWritten();
        }

        while (_unflushed < FlushBytes && _queue.TryDequeue(out var message))
        {
            ShardMessageFrame.Write(Output, message.Span);
            _unflushed += ShardCost.Of(message);
            MarkWritten();
        }

        if (_closing && _queue.Count == 0)
        {
            EndOutput();
        }
    }

    protected override void HandleFlushed()
    {
        if (_unflushed > 0)
        {
            _room += _unflushed;
            shard.Owner.Tell(new ShardRoom(_sender, _unflushed), Self);
            _unflushed = 0;
        }
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        var fault = (LinkFrameType)type == LinkFrameType.Error
            ? ErrorFrame.TryRead(payload, out var error, out var malformed) ? new FrameFault(error.Code, error.Reason) : malformed
            : LinkFaults.Unexpected(type, "shard");
        Report(fault);
        Abort((long)fault.Code);
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

    private void Report(FrameFault fault) => shard.Fault ??= fault;
}
