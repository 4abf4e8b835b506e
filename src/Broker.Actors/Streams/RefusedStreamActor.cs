using System.Buffers;
using Broker.Actors.Connections;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Streams;

/// <summary>A stream that never became one of the protocol's kinds: says why and ends.</summary>
internal sealed class RefusedStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, FrameFault fault) : StreamActor(stream, node, status)
{
    protected override bool MayRead => false;

    protected override void PreStart()
    {
        base.PreStart();
        new ErrorFrame(fault.Code, fault.Reason).Write(Output);
        EndOutput();
        StopInput((long)fault.Code);
    }

    protected override SequencePosition HandleInput(in ReadOnlySequence<byte> buffer, bool ended) => buffer.End;
}
