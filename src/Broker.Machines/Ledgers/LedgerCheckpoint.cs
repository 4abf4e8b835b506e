using System.Buffers;

namespace Broker.Machines.Ledgers;

/// <summary>The bytes of a ledger's checkpoint (docs/storage.md, "Checkpoint").</summary>
internal static class LedgerCheckpoint
{
    public static ReadOnlyMemory<byte> Encode(QueueLedger ledger)
    {
        var output = new ArrayBufferWriter<byte>(256);
        var writer = new LedgerWriter(output);
        var content = new ArrayBufferWriter<byte>();
        var numbers = new LedgerWriter(content);
        numbers.Number(ledger.NextPosition);
        numbers.Number((ulong)ledger.LiveBytes);
        numbers.Number(ledger.LastSegment);
        numbers.Number(ledger.OpenSegment.Number);
        numbers.Number((ulong)ledger.OpenSegment.Length);
        writer.Section(LedgerSection.State, content);
        if (ledger.Live.Count > 0)
        {
            content.ResetWrittenCount();
            ulong end = 0;
            foreach (var range in ledger.Live.Ranges())
            {
                numbers.Number(range.First - end);
                numbers.Number(range.Last - range.First);
                numbers.Number((ulong)range.DeliveryCount);
                end = range.Last + 1;
            }

            writer.Section(LedgerSection.Live, content);
        }

        if (ledger.Index.Segments.Count > 0)
        {
            content.ResetWrittenCount();
            ulong end = 0;
            foreach (var segment in ledger.Index.Segments)
            {
                numbers.Number(segment.Number);
                numbers.Number((ulong)segment.Length);
                numbers.Number(segment.First - end);
                numbers.Number(segment.Last - segment.First);
                numbers.Number(segment.Count);
                numbers.Number(segment.Live);
                numbers.Number((ulong)segment.MessageBytes);
                end = segment.Last + 1;
            }

            writer.Section(LedgerSection.Segments, content);
        }

        if (ledger.Producers.Count > 0)
        {
            writer.Section(LedgerSection.Producers, QueueRecordCodec.EncodeProducers(ledger.Producers.Marks));
        }

        EncodeMarks(ledger, writer, content);
        return output.WrittenMemory;
    }

    private static void EncodeMarks(QueueLedger ledger, LedgerWriter writer, ArrayBufferWriter<byte> content)
    {
        var numbers = new LedgerWriter(content);
        QueueMarksCodec.Write(writer, new QueueRecord
        {
            FirstPosition = ledger.NextPosition,
            Priorities = [.. ledger.Live.Ranges().Where(r => r.Priority > 0).Select(r => new PriorityRange(r.First, r.Last, r.Priority))],
            Held = [.. ledger.Held.InOrder],
            Dead = [.. ledger.Dead.InOrder],
            Keyed = [.. ledger.Keyed.InOrder],
            Paused = ledger.IsPaused ? true : null,
            LastExpiring = ledger.LastExpiring,
        });
        QueueRecordCodec.WriteRefused(writer, ledger.Producers.Marks);
        if (ledger.Ids.Count > 0)
        {
            content.ResetWrittenCount();
            foreach (var (id, expiry) in ledger.Ids.All)
            {
                numbers.Number((ulong)expiry);
                numbers.Text(id);
            }

            writer.Section(LedgerSection.Remembered, content);
        }

        if (ledger.LastDead > 0)
        {
            content.ResetWrittenCount();
            numbers.Number(ledger.LastDead);
            writer.Section(LedgerSection.Deaths, content);
        }
    }

    public static QueueLedger Decode(ReadOnlySpan<byte> checkpoint)
    {
        var ledger = new QueueLedger();
        var marks = new QueueRecord { FirstPosition = 0 };
        List<ProducerMark> producers = [];
        ulong lastDead = 0;
        var reader = new LedgerReader(checkpoint);
        while (!reader.AtEnd)
        {
            var section = reader.Section(out var content);
            switch (section)
            {
                case LedgerSection.State:
                    ledger.SetState(content.Number(), (long)content.Number(), (uint)content.Number(), ((uint)content.Number(), (long)content.Number()));
                    break;
                case LedgerSection.Live:
                    DecodeLive(ledger, ref content);
                    break;
                case LedgerSection.Segments:
                    DecodeSegments(ledger, ref content);
                    break;
                case LedgerSection.Producers:
                    producers = QueueRecordCodec.DecodeProducers(ref content);
                    break;
                case LedgerSection.Refused:
                    producers = QueueRecordCodec.DecodeRefused(ref content, producers);
                    break;
                case LedgerSection.Remembered:
                    while (!content.AtEnd)
                    {
                        var expiry = (long)content.Number();
                        ledger.Ids.Restore(content.Text(), expiry);
                    }

                    break;
                case LedgerSection.Deaths:
                    lastDead = content.Number();
                    break;
                default:
                    marks = QueueMarksCodec.Read(section, ref content, marks)
                        ?? throw new LedgerFormatException($"a checkpoint has a section {(ulong)section}, which this version of the broker does not know");
                    break;
            }
        }

        foreach (var mark in producers)
        {
            ledger.Producers.Set(mark);
        }

        foreach (var range in marks.Priorities)
        {
            ledger.Live.SetPriority(range.First, range.Last, range.Priority);
        }

        ledger.RestoreMarks(marks, lastDead); // when the messages are there, in whatever order the sections come
        return ledger;
    }

    private static void DecodeLive(QueueLedger ledger, ref LedgerReader reader)
    {
        ulong end = 0;
        while (!reader.AtEnd)
        {
            var range = reader.Range(from: end);
            ledger.Live.Add(range.First, range.Last, (int)reader.Number());
            end = range.Last + 1;
        }
    }

    private static void DecodeSegments(QueueLedger ledger, ref LedgerReader reader)
    {
        ulong end = 0;
        while (!reader.AtEnd)
        {
            var number = (uint)reader.Number();
            var length = (long)reader.Number();
            var range = reader.Range(from: end);
            ledger.Index.AddSegment(new SegmentEntry(number, length, range.First, range.Last, reader.Number(), reader.Number(), (long)reader.Number()));
            end = range.Last + 1;
        }
    }
}
