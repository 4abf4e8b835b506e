using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>DECLARE_EXCHANGE: make an exchange, or check that it is as described (docs/protocol.md, section 9.1).</summary>
public sealed record DeclareExchangeFrame : IFrame
{
    private const DeclareExchangeFlags KnownFlags =
        DeclareExchangeFlags.Durable | DeclareExchangeFlags.AutoDelete | DeclareExchangeFlags.Internal | DeclareExchangeFlags.Passive;

    /// <summary>The client's number for the request; the answer carries it.</summary>
    public required ulong RequestId { get; init; }

    /// <summary>The exchange; 1 to 255 bytes of UTF-8.</summary>
    public required string Name { get; init; }

    /// <summary><c>direct</c>, <c>fanout</c> and whatever else the server has.</summary>
    public required string Type { get; init; }

    /// <summary>What it is to be.</summary>
    public DeclareExchangeFlags Flags { get; init; }

    /// <summary>Arguments; a server refuses names that it does not know with <see cref="ErrorCode.InvalidArgument"/>.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out DeclareExchangeFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new DeclareExchangeFrame
        {
            RequestId = reader.Number("request id"),
            Name = reader.Name("name"),
            Type = reader.Name("type"),
            Flags = (DeclareExchangeFlags)reader.Flags("flags", (ulong)KnownFlags),
            Arguments = FieldTable.Read(ref reader, "arguments"),
        };
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.DeclareExchange, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Name), Name);
        writer.Name(nameof(Type), Type);
        writer.Number((ulong)Flags);
        Arguments.Write(ref writer);
    }
}
