using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>ADMIN_REQUEST: one command of <c>pbm</c> (docs/protocol.md, section 10).</summary>
/// <param name="RequestId">The client's number for the request; the answers carry it.</param>
/// <param name="Command">Palette and verb, such as <c>queue list</c>; at most 255 bytes of UTF-8.</param>
/// <param name="Json">The command's options: UTF-8 of one JSON object (RFC 8259). Not checked here.</param>
public sealed record AdminRequestFrame(ulong RequestId, string Command, ReadOnlyMemory<byte> Json) : IFrame
{
    /// <summary>Reads a payload; the JSON is copied out of it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out AdminRequestFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var result = new AdminRequestFrame(reader.Number("request id"), reader.Name("command"), reader.Rest().ToArray());
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.AdminRequest, this);

    /// <summary>Compares by content.</summary>
    public bool Equals(AdminRequestFrame? other) =>
        other is not null && RequestId == other.RequestId && Command == other.Command && Json.Span.SequenceEqual(other.Json.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RequestId, Command, Json.Length);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(RequestId);
        writer.Name(nameof(Command), Command);
        writer.Raw(Json.Span);
    }
}
