using System.Buffers;

namespace Broker.Protocol;

/// <summary>
/// Ranges as CONFIRM, SETTLE and SETTLED carry them (docs/protocol.md, section 5.4): a count, then for each range the distance to the one before it and
/// its length less one. The first distance is the first value itself; a later one is <c>First - previous Last - 2</c>, because ranges that touch are one range.
/// So each set of numbers has exactly one list.
/// </summary>
public static class RangeList
{
    /// <summary>Reads a list that fills the payload.</summary>
    /// <param name="payload">The bytes of the list and nothing else.</param>
    /// <param name="into">Cleared, then filled in ascending order. Empty after a fault.</param>
    /// <param name="fault">What is wrong, if the answer is <c>false</c>.</param>
    public static bool TryRead(ReadOnlySpan<byte> payload, List<SequenceRange> into, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(into);
        var reader = new PayloadReader(payload);
        Read(ref reader, into);
        return End(ref reader, into, out fault);
    }

    /// <summary>
    /// Adds one number to a list under construction: extends the last range if the number follows it. Numbers must come in ascending order for the result to
    /// be valid.
    /// </summary>
    public static void Append(List<SequenceRange> ranges, ulong value)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        if (ranges.Count > 0 && ranges[^1].Last + 1 == value)
        {
            ranges[^1] = ranges[^1] with { Last = value };
        }
        else
        {
            ranges.Add(new SequenceRange(value, value));
        }
    }

    internal static void Read(ref PayloadReader reader, List<SequenceRange> into)
    {
        into.Clear();
        var count = (int)reader.Number("range count", ProtocolLimits.MaxRanges, min: 1);
        var next = 0UL;
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            var first = next + reader.Number("range gap", min: i == 0 ? 1UL : 0);
            var last = first + reader.Number("range length");
            if (last > Varint.Max)
            {
                reader.Fail($"range {i}: ends after 2^62-1");
            }

            into.Add(new SequenceRange(first, last));
            next = last + 2;
        }
    }

    internal static bool End(ref PayloadReader reader, List<SequenceRange> into, out FrameFault fault)
    {
        if (reader.End(out fault))
        {
            return true;
        }

        into.Clear();
        return false;
    }

    /// <summary>Writes a frame whose payload is some fields, a list, and a reason if one is given.</summary>
    internal static void Write(IBufferWriter<byte> writer, FrameType type, ReadOnlySpan<ulong> fields, ReadOnlySpan<SequenceRange> ranges, string? reason = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (ranges.Length is 0 or > ProtocolLimits.MaxRanges)
        {
            throw new ArgumentException($"{ranges.Length} ranges; 1 to {ProtocolLimits.MaxRanges} are allowed", nameof(ranges));
        }

        var measure = PayloadWriter.Measure();
        WriteRanges(ref measure, ranges, reason);
        var span = FrameWriter.WriteFields(writer, type, fields, measure.Length, measure.Length, out var size);
        var payload = PayloadWriter.To(span[size..]);
        WriteRanges(ref payload, ranges, reason);
        writer.Advance(size + measure.Length);
    }

    private static void WriteRanges(ref PayloadWriter writer, scoped ReadOnlySpan<SequenceRange> ranges, string? reason)
    {
        WriteRanges(ref writer, ranges);
        if (reason is not null)
        {
            writer.Reason(reason);
        }
    }

    internal static void WriteRanges(ref PayloadWriter writer, scoped ReadOnlySpan<SequenceRange> ranges)
    {
        writer.Number(ranges.Length);
        var next = 1UL;
        var offset = 1UL;
        foreach (var range in ranges)
        {
            if (range.First < next || range.Last < range.First || range.Last > Varint.Max)
            {
                throw new ArgumentException($"range {range.First}-{range.Last}: ranges must ascend with a gap between them, from 1 to 2^62-1", nameof(ranges));
            }

            writer.Number(range.First - next + offset);
            writer.Number(range.Last - range.First);
            next = range.Last + 2;
            offset = 0;
        }
    }
}
