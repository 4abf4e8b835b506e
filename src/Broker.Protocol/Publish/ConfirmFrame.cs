using System.Buffers;

namespace Broker.Protocol;

/// <summary>CONFIRM: the server is responsible for these messages from now on (docs/protocol.md, section 7.2).</summary>
public static class ConfirmFrame
{
    /// <summary>Writes a whole frame.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="ranges">Sequences, ascending, with a gap between ranges; 1 to 4,096 ranges.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<SequenceRange> ranges) =>
        RangeList.Write(writer, FrameType.Confirm, [], ranges);

    /// <summary>Reads a payload.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="ranges">Cleared, then filled; empty after a fault.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, List<SequenceRange> ranges, out FrameFault fault) =>
        RangeList.TryRead(payload, ranges, out fault);
}
