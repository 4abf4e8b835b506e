using System.Buffers;

namespace Broker.Protocol;

/// <summary>
/// SETTLED: settlements are in effect and will survive what the queue survives; only with <see cref="SubscribeFlags.ConfirmSettles"/> (docs/protocol.md,
/// section 8.3).
/// </summary>
public static class SettledFrame
{
    /// <summary>Writes a whole frame.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="ranges">Delivery tags, ascending, with a gap between ranges; 1 to 4,096 ranges.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<SequenceRange> ranges) =>
        RangeList.Write(writer, FrameType.Settled, [], ranges);

    /// <summary>Reads a payload.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="ranges">Cleared, then filled; empty after a fault.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, List<SequenceRange> ranges, out FrameFault fault) =>
        RangeList.TryRead(payload, ranges, out fault);
}
