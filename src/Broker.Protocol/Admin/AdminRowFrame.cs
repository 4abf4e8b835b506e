using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>ADMIN_ROW: one row of an answer (docs/protocol.md, section 10).</summary>
/// <param name="RequestId">The request that this answers.</param>
/// <param name="Json">The row: UTF-8 of one JSON object (RFC 8259). Not checked here.</param>
public sealed record AdminRowFrame(ulong RequestId, ReadOnlyMemory<byte> Json) : IFrame
{
    /// <summary>Reads a payload; the JSON is copied out of it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out AdminRowFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new AdminRowFrame(reader.Number("request id"), reader.Rest().ToArray());
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.AdminRow, this);

    /// <summary>Compares by content.</summary>
    public bool Equals(AdminRowFrame? other) => other is not null && RequestId == other.RequestId && Json.Span.SequenceEqual(other.Json.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RequestId, Json.Length);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Raw(Json.Span);
    }
}
