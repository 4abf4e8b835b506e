using System.Buffers;
using Broker.Machines.Queues;

namespace Broker.Machines.Ledgers;

/// <summary>The sections of operations and checkpoints that say something of single messages (docs/storage.md, "Operations"). Both have them in the same form.</summary>
internal static class QueueMarksCodec
{
    public static void Write(LedgerWriter writer, QueueRecord marks)
    {
        var content = new ArrayBufferWriter<byte>();
        var numbers = new LedgerWriter(content);
        foreach (var range in marks.Priorities)
        {
            numbers.Number(range.First);
            numbers.Number(range.Last - range.First);
            numbers.Number((ulong)range.Priority);
        }

        End(writer, LedgerSection.Priorities, content);
        foreach (var held in marks.Held)
        {
            numbers.Number(held.Position);
            numbers.Number((ulong)held.Due);
            numbers.Number((ulong)held.Bytes);
            numbers.Text(held.Group);
        }

        End(writer, LedgerSection.Held, content);
        foreach (var dead in marks.Dead)
        {
            numbers.Number(dead.Position);
            numbers.Number(dead.Sequence);
            numbers.Number((ulong)dead.Bytes);
            numbers.Number((ulong)dead.Reason);
            numbers.Number((ulong)dead.At);
            numbers.Text(dead.Text);
        }

        End(writer, LedgerSection.Dead, content);
        if (marks.Ids is { } ids)
        {
            numbers.Number((ulong)ids.At);
            numbers.Number((ulong)ids.Window);
            numbers.Number((ulong)ids.MaxCount);
            foreach (var id in ids.Ids)
            {
                numbers.Text(id);
            }

            End(writer, LedgerSection.Ids, content);
        }

        foreach (var keyed in marks.Keyed)
        {
            numbers.Number(keyed.Position);
            numbers.Number((ulong)keyed.Bytes);
            numbers.Text(keyed.Key);
        }

        End(writer, LedgerSection.Keyed, content);
        if (marks.Paused is { } paused)
        {
            numbers.Number(paused ? 1UL : 0);
            End(writer, LedgerSection.Paused, content);
        }

        if (marks.LastExpiring > 0)
        {
            numbers.Number(marks.LastExpiring);
            End(writer, LedgerSection.Expiring, content);
        }
    }

    /// <summary>Reads a section.</summary>
    /// <returns><c>null</c> if it is none of these.</returns>
    public static QueueRecord? Read(LedgerSection section, ref LedgerReader content, QueueRecord record)
    {
        switch (section)
        {
            case LedgerSection.Priorities:
                return record with { Priorities = ReadPriorities(ref content) };
            case LedgerSection.Held:
                return record with { Held = ReadHeld(ref content) };
            case LedgerSection.Dead:
                return record with { Dead = ReadDead(ref content) };
            case LedgerSection.Ids:
                return record with { Ids = new MessageIds((long)content.Number(), (long)content.Number(), (int)content.Number(), ReadTexts(ref content)) };
            case LedgerSection.Keyed:
                return record with { Keyed = ReadKeyed(ref content) };
            case LedgerSection.Paused:
                return record with { Paused = content.Number() != 0 };
            case LedgerSection.Expiring:
                return record with { LastExpiring = content.Number() };
            default:
                return null;
        }
    }

    private static void End(LedgerWriter writer, LedgerSection section, ArrayBufferWriter<byte> content)
    {
        if (content.WrittenCount > 0)
        {
            writer.Section(section, content);
            content.ResetWrittenCount();
        }
    }

    private static List<PriorityRange> ReadPriorities(ref LedgerReader reader)
    {
        var ranges = new List<PriorityRange>();
        while (!reader.AtEnd)
        {
            var range = reader.Range(from: 0);
            ranges.Add(new PriorityRange(range.First, range.Last, (int)Math.Min(reader.Number(), QueueSettings.HighestPriority)));
        }

        return ranges;
    }

    private static List<HeldMessage> ReadHeld(ref LedgerReader reader)
    {
        var held = new List<HeldMessage>();
        while (!reader.AtEnd)
        {
            held.Add(new HeldMessage(reader.Number(), (long)reader.Number(), (long)reader.Number(), reader.Text()));
        }

        return held;
    }

    private static List<DeadMark> ReadDead(ref LedgerReader reader)
    {
        var dead = new List<DeadMark>();
        while (!reader.AtEnd)
        {
            var (position, sequence, bytes, reason, at) = (reader.Number(), reader.Number(), (long)reader.Number(), reader.Number(), (long)reader.Number());
            if (reason > (ulong)DeadLetterReason.DeliveryLimit)
            {
                throw new LedgerFormatException($"a message died for a reason {reason}, which this version of the broker does not know");
            }

            dead.Add(new DeadMark(position, sequence, bytes, (DeadLetterReason)reason, reader.Text(), at));
        }

        return dead;
    }

    private static List<KeyedMessage> ReadKeyed(ref LedgerReader reader)
    {
        var keyed = new List<KeyedMessage>();
        while (!reader.AtEnd)
        {
            keyed.Add(new KeyedMessage(reader.Number(), (long)reader.Number(), reader.Text()));
        }

        return keyed;
    }

    private static List<string> ReadTexts(ref LedgerReader reader)
    {
        var texts = new List<string>();
        while (!reader.AtEnd)
        {
            texts.Add(reader.Text());
        }

        return texts;
    }
}
