using System.Buffers;

namespace Broker.Protocol;

/// <summary>What became of a delivered message.</summary>
public enum SettleOutcome : byte
{
    /// <summary>Processed; the queue forgets it.</summary>
    Ack = 0,

    /// <summary>Put it back where it was; it will be delivered again.</summary>
    Requeue = 1,

    /// <summary>Not processable; dead-lettered or dropped.</summary>
    Reject = 2,
}

/// <summary>SETTLE: what became of messages, by their delivery tags (docs/protocol.md, section 8.3).</summary>
public static class SettleFrame
{
    /// <summary>Writes a whole frame.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="outcome">The same for all of them.</param>
    /// <param name="ranges">Delivery tags, ascending, with a gap between ranges; 1 to 4,096 ranges.</param>
    /// <param name="reason">Of a rejection: what the dead letter is to say; written cut to 1,024 bytes of UTF-8. Empty: nothing, as with the other outcomes.</param>
    public static void Write(IBufferWriter<byte> writer, SettleOutcome outcome, ReadOnlySpan<SequenceRange> ranges, string reason = "") =>
        RangeList.Write(writer, FrameType.Settle, [(ulong)outcome], ranges, reason);

    /// <summary>Reads a payload.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="ranges">Cleared, then filled; empty after a fault.</param>
    /// <param name="reason">Why they are rejected; empty if nothing is said, or with another outcome.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, out SettleOutcome outcome, List<SequenceRange> ranges, out string reason, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        var reader = new PayloadReader(payload);
        var value = reader.Number("outcome");
        if (value > (ulong)SettleOutcome.Reject)
        {
            reader.Fail($"outcome: {value} is none of ack (0), requeue (1), reject (2)");
        }

        outcome = (SettleOutcome)value;
        RangeList.Read(ref reader, ranges);
        reason = reader.Reason("reason");
        if (reason.Length > 0 && outcome != SettleOutcome.Reject)
        {
            reader.Fail("reason: only what is rejected has one");
        }

        return RangeList.End(ref reader, ranges, out fault);
    }
}
