using System.Buffers;
using Broker.Protocol;

namespace Broker.Machines.Ledgers;

/// <summary>The bytes of a <see cref="QueueRecord"/>'s operations: sections, each with its number and length, in ascending order; those without content are left out.</summary>
public static class QueueRecordCodec
{
    /// <summary>Writes everything but the messages.</summary>
    public static ReadOnlyMemory<byte> Encode(QueueRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var output = new ArrayBufferWriter<byte>(64);
        var writer = new LedgerWriter(output);
        if (record.Producers.Count > 0)
        {
            writer.Section(LedgerSection.Producers, EncodeProducers(record.Producers));
        }

        if (record.Delivered.Count > 0)
        {
            writer.Section(LedgerSection.Delivered, EncodeRanges(record.Delivered, prefix: null));
        }

        if (record.Settled.Count > 0)
        {
            writer.Section(LedgerSection.Settled, EncodeRanges(record.Settled, (ulong)record.SettledBytes));
        }

        QueueMarksCodec.Write(writer, record);
        WriteRefused(writer, record.Producers);
        return output.WrittenMemory;
    }

    /// <summary>Reads operations. The messages are not in them.</summary>
    /// <param name="operations">What <see cref="Encode"/> gave.</param>
    /// <param name="firstPosition">As it was logged beside them.</param>
    /// <param name="messageBytes">Bytes of the messages beside them.</param>
    /// <exception cref="LedgerFormatException">This version cannot read them.</exception>
    public static QueueRecord Decode(ReadOnlySpan<byte> operations, ulong firstPosition, long messageBytes)
    {
        var record = new QueueRecord { FirstPosition = firstPosition, MessageBytes = messageBytes };
        var reader = new LedgerReader(operations);
        while (!reader.AtEnd)
        {
            var section = reader.Section(out var content);
            record = section switch
            {
                LedgerSection.Producers => record with { Producers = DecodeProducers(ref content) },
                LedgerSection.Delivered => record with { Delivered = DecodeRanges(ref content) },
                LedgerSection.Refused => record with { Producers = DecodeRefused(ref content, record.Producers) },
                LedgerSection.Settled => record with { SettledBytes = (long)content.Number(), Settled = DecodeRanges(ref content) },
                _ => QueueMarksCodec.Read(section, ref content, record)
                    ?? throw new LedgerFormatException($"operations have a section {(ulong)section}, which this version of the broker does not know"),
            };
        }

        return record;
    }

    internal static ArrayBufferWriter<byte> EncodeProducers(IEnumerable<ProducerMark> producers)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new LedgerWriter(output);
        foreach (var mark in producers)
        {
            writer.Text(mark.Producer);
            writer.Number(mark.LastSequence);
        }

        return output;
    }

    internal static List<ProducerMark> DecodeProducers(ref LedgerReader reader)
    {
        var marks = new List<ProducerMark>();
        while (!reader.AtEnd)
        {
            marks.Add(new ProducerMark(reader.Text(), reader.Number()));
        }

        return marks;
    }

    /// <summary>Writes what was refused of producers, which are known by their places in the section before.</summary>
    internal static void WriteRefused(LedgerWriter writer, IEnumerable<ProducerMark> producers)
    {
        var output = new ArrayBufferWriter<byte>();
        var content = new LedgerWriter(output);
        ulong place = 0;
        foreach (var mark in producers)
        {
            if (mark.Refused is { } refused)
            {
                content.Number(place);
                content.Number(refused.ForgottenUpTo);
                content.Number((ulong)refused.Ranges.Count);
                ulong end = 0;
                foreach (var range in refused.Ranges)
                {
                    content.Number(range.First - end);
                    content.Number(range.Last - range.First);
                    end = range.Last + 1;
                }
            }

            place++;
        }

        if (output.WrittenCount > 0)
        {
            writer.Section(LedgerSection.Refused, output);
        }
    }

    /// <summary>Reads it.</summary>
    /// <returns>The producers with what was refused of them.</returns>
    internal static List<ProducerMark> DecodeRefused(ref LedgerReader reader, IReadOnlyList<ProducerMark> producers)
    {
        var marks = new List<ProducerMark>(producers);
        while (!reader.AtEnd)
        {
            var (place, forgottenUpTo, count) = (reader.Number(), reader.Number(), reader.Number());
            if (place >= (ulong)marks.Count)
            {
                throw new LedgerFormatException($"sequences of producer {place} were refused, and there are {marks.Count}");
            }

            var ranges = new List<SequenceRange>();
            for (ulong end = 0; (ulong)ranges.Count < count; end = ranges[^1].Last + 1)
            {
                var range = reader.Range(from: end);
                ranges.Add(new SequenceRange(range.First, range.Last));
            }

            marks[(int)place] = marks[(int)place] with { Refused = RefusedSequences.Of(forgottenUpTo, ranges) };
        }

        return marks;
    }

    /// <summary>Ranges in any order: first position, then how many more.</summary>
    private static ArrayBufferWriter<byte> EncodeRanges(IReadOnlyList<PositionRange> ranges, ulong? prefix)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new LedgerWriter(output);
        if (prefix is { } number)
        {
            writer.Number(number);
        }

        foreach (var range in ranges)
        {
            writer.Number(range.First);
            writer.Number(range.Last - range.First);
        }

        return output;
    }

    private static List<PositionRange> DecodeRanges(ref LedgerReader reader)
    {
        var ranges = new List<PositionRange>();
        while (!reader.AtEnd)
        {
            ranges.Add(reader.Range(from: 0));
        }

        return ranges;
    }
}
