using System.Text.Json;
using Broker.Client.Streams;
using Broker.Protocol;

namespace Broker.Client.Admin;

/// <summary>The rows of one admin command as they come (docs/protocol.md, section 10).</summary>
internal sealed class AdminAnswer(ulong requestId, string command) : IFrameHandler
{
    public Queue<JsonElement> Rows { get; } = new();

    /// <summary>The end of the answer; <c>null</c> while rows may come.</summary>
    public AdminEndFrame? End { get; private set; }

    public FrameVerdict OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        switch (type)
        {
            case FrameType.AdminRow when End is null && AdminRowFrame.TryRead(payload, out var row, out fault):
                return IsMine(row.RequestId, ref fault) && TryParse(row.Json, ref fault) ? FrameVerdict.Continue : FrameVerdict.Fault;
            case FrameType.AdminEnd when End is null && AdminEndFrame.TryRead(payload, out var end, out fault):
                End = end;
                return IsMine(end.RequestId, ref fault) ? FrameVerdict.Continue : FrameVerdict.Fault;
            default:
                fault = new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} is malformed or not allowed in the answer to '{command}'");
                return FrameVerdict.Fault;
        }
    }

    private bool IsMine(ulong id, ref FrameFault fault)
    {
        if (id != requestId)
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"a row of request {id} in the answer to {requestId}");
        }

        return id == requestId;
    }

    private bool TryParse(ReadOnlyMemory<byte> json, ref FrameFault fault)
    {
        try
        {
            var reader = new Utf8JsonReader(json.Span);
            Rows.Enqueue(JsonElement.ParseValue(ref reader));
            return true;
        }
        catch (JsonException e)
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"a row that is no JSON: {e.Message}");
            return false;
        }
    }
}
