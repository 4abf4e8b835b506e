using System.Buffers;
using Broker.Actors.Connections;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Streams;

/// <summary>
/// A stream of frames. A fault ends this stream with an ERROR frame that gives the reason, FIN, and STOP_SENDING with the code (docs/protocol.md, "Errors");
/// the connection and its other streams do not notice.
/// </summary>
internal abstract class FrameStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, int maxFrameBytes)
    : StreamActor(stream, node, status)
{
    private readonly PartialFrame _partial = new();
    private FrameFault? _fault;

    protected override bool MayRead => _fault is null && CanWrite && MayHandleFrames;

    /// <summary>Whether the derived class can take another frame.</summary>
    protected virtual bool MayHandleFrames => true;

    protected override void PostStop()
    {
        _partial.Dispose();
        base.PostStop();
    }

    protected sealed override SequencePosition HandleInput(in ReadOnlySequence<byte> buffer, bool ended)
    {
        BeginFrames(buffer.Length);
        using var reader = new FrameReader(buffer, maxFrameBytes, _partial);
        while (_fault is null && MayHandleFrames)
        {
            switch (reader.TryRead(out var type, out var payload, out var fault))
            {
                case FrameReadStatus.Frame:
                    if (HandleFrame(type, payload) is { } frameFault)
                    {
                        Fail(frameFault);
                    }

                    break;
                case FrameReadStatus.Fault:
                    Fail(fault);
                    break;
                default:
                    if (ended && (_partial.IsPending || !buffer.Slice(reader.Consumed).IsEmpty))
                    {
                        Fail(new FrameFault(ErrorCode.ProtocolViolation, "the stream ended within a frame"));
                    }

                    return reader.Consumed;
            }
        }

        return reader.Consumed;
    }

    protected sealed override void WriteOutput()
    {
        WriteFrames();
        if (_fault is { } fault)
        {
            EndForFault(fault);
        }
    }

    /// <summary>Tells the peer and ends the stream.</summary>
    protected virtual void EndForFault(FrameFault fault)
    {
        new ErrorFrame(fault.Code, fault.Reason).Write(Output);
        EndOutput();
        StopInput((long)fault.Code);
    }

    /// <summary>So many bytes are about to be decoded.</summary>
    protected virtual void BeginFrames(long bytes)
    {
    }

    /// <summary>Handles one frame; the payload is only valid during the call.</summary>
    /// <returns><c>null</c>, or a fault that ends the stream.</returns>
    protected abstract FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload);

    /// <summary>Writes what has come up; called once per batch.</summary>
    protected virtual void WriteFrames()
    {
    }

    /// <summary>Ends the stream for a fault. The reason leaves with the next output.</summary>
    protected void Fail(FrameFault fault)
    {
        if (_fault is null)
        {
            _fault = fault;
            // A peer that does not read its confirms will not read the reason either.
            Context.Timers.StartSingle(StreamSignal.ClosingTimeout, StreamSignal.ClosingTimeout, Node.Limits.ClosingTimeout);
        }
    }

    /// <summary>A frame that a client does not send on this kind of stream: unknown here, or the server's own (docs/protocol.md, section 4).</summary>
    protected static FrameFault Unexpected(FrameType type, StreamKind kind)
    {
        var name = kind.ToString().ToLowerInvariant();
        return OccursOn(kind, type)
            ? new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x2} is not sent by a client on a {name} stream")
            : new FrameFault(ErrorCode.UnknownFrame, $"there is no frame type 0x{(ulong)type:x2} on a {name} stream");
    }

    private static bool OccursOn(StreamKind kind, FrameType type) => kind switch
    {
        StreamKind.Control => type is FrameType.Hello or FrameType.Welcome or FrameType.GoAway,
        StreamKind.Publish => type is FrameType.Error or (>= FrameType.PublisherOpen and <= FrameType.Unblocked),
        StreamKind.Consume => type is FrameType.Error or (>= FrameType.Subscribe and <= FrameType.Cancelled),
        StreamKind.Request => type is FrameType.Error or FrameType.Settle or FrameType.RequestError
            or (>= FrameType.DeclareExchange and <= FrameType.Get) or (>= FrameType.Ok and <= FrameType.GetEmpty),
        StreamKind.Admin => type is FrameType.Error or (>= FrameType.AdminRequest and <= FrameType.AdminEnd),
        _ => false, // an echo stream has no frames
    };
}
