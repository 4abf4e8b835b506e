using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>BIND: route messages from an exchange to a queue or another exchange (docs/protocol.md, section 9.1).</summary>
public sealed record BindFrame : IFrame
{
    /// <summary>The client's number for the request; the answer carries it.</summary>
    public required ulong RequestId { get; init; }

    /// <summary>The exchange that messages come from; 1 to 255 bytes of UTF-8.</summary>
    public required string Exchange { get; init; }

    /// <summary>What the destination is. Default: a queue.</summary>
    public DestinationKind DestinationKind { get; init; }

    /// <summary>Where messages go; 1 to 255 bytes of UTF-8.</summary>
    public required string Destination { get; init; }

    /// <summary>Which messages, in the exchange type's own terms; at most 255 bytes of UTF-8.</summary>
    public string RoutingKey { get; init; } = "";

    /// <summary>Arguments in the exchange type's own terms.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out BindFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new BindFrame
        {
            RequestId = reader.Number("request id"),
            Exchange = reader.Name("exchange"),
            DestinationKind = DestinationKindField.Read(ref reader),
            Destination = reader.Name("destination"),
            RoutingKey = reader.Name("routing key"),
            Arguments = FieldTable.Read(ref reader, "arguments"),
        };
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Bind, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Exchange), Exchange);
        writer.Number((ulong)DestinationKind);
        writer.Name(nameof(Destination), Destination);
        writer.Name(nameof(RoutingKey), RoutingKey);
        Arguments.Write(ref writer);
    }
}
