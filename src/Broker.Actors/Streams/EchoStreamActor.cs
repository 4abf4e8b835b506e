using System.Buffers;
using Broker.Actors.Connections;
using Broker.Actors.Server;
using Broker.Transport;

namespace Broker.Actors.Streams;

/// <summary>Sends back what comes, for diagnosis: round-trip time and throughput of the connection itself.</summary>
internal sealed class EchoStreamActor(IQuicStream stream, NodeServices node, StreamStatus status) : StreamActor(stream, node, status)
{
    protected override bool MayRead => CanWrite;

    protected override SequencePosition HandleInput(in ReadOnlySequence<byte> buffer, bool ended)
    {
        foreach (var segment in buffer)
        {
            Output.Write(segment.Span);
            MarkWritten();
        }

        return buffer.End;
    }
}
