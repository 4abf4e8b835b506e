using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

/// <summary>What records say of single messages, and what a ledger makes of it.</summary>
public class QueueMarksTests
{
    /// <summary>Each section with its length. These bytes are on disks and never change.</summary>
    private const string Golden =
        "04" + "07" + "07" + "01" + "05" + "4064" + "00" + "1f"
        + "05" + "0d" + "08" + "80030d40" + "0a" + "01" + "67" + "09" + "47d0" + "0b" + "00"
        + "06" + "0c" + "03" + "02" + "0a" + "02" + "4100" + "05" + "62616420" + "21"
        + "07" + "08" + "4064" + "4bb8" + "05" + "01" + "78" + "00"
        + "08" + "04" + "07" + "0a" + "01" + "6b"
        + "09" + "01" + "01"
        + "0a" + "01" + "09";

    private static readonly QueueRecord Sample = new()
    {
        FirstPosition = 7,
        Priorities = [new PriorityRange(7, 8, 5), new PriorityRange(100, 100, 31)],
        Held = [new HeldMessage(8, 200_000, 10, "g"), new HeldMessage(9, 2_000, 11, "")],
        Dead = [new DeadMark(3, 2, 10, DeadLetterReason.MaxLength, "bad !", 256)],
        Ids = new MessageIds(100, 3_000, 5, ["x", ""]),
        Keyed = [new KeyedMessage(7, 10, "k")],
        Paused = true,
        LastExpiring = 9,
    };

    [Fact]
    public void Marks_have_the_bytes_that_they_always_had()
    {
        Assert.Equal(Golden, Convert.ToHexStringLower(QueueRecordCodec.Encode(Sample).Span));
        AssertAlike(Sample, QueueRecordCodec.Decode(Convert.FromHexString(Golden), 7, 0));
    }

    /// <summary>That of docs/storage.md, section 5.</summary>
    [Fact]
    public void The_example_of_the_documents_is_right()
    {
        var example = new QueueRecord
        {
            FirstPosition = 7,
            Priorities = [new PriorityRange(7, 8, 5)],
            Held = [new HeldMessage(8, 200_000, 10, "g")],
            Dead = [new DeadMark(3, 2, 10, DeadLetterReason.MaxLength, "", 256)],
            Paused = true,
        };
        Assert.Equal("0403" + "070105" + "0508" + "0880030d400a0167" + "0607" + "03020a02410000" + "0901" + "01", Convert.ToHexStringLower(QueueRecordCodec.Encode(example).Span));
    }

    [Fact]
    public void Whatever_is_written_is_read_again() => RandomHistories.Check(
        2_000,
        30,
        random => (Section: random.Next(7), Number: random.NextInt64(1, 1L << random.Next(1, 61)), Small: random.Next(0, 300)),
        steps =>
        {
            QueueRecord Of(int section) => new() { FirstPosition = 1, LastExpiring = steps.Where(s => s.Section == section).Select(s => (ulong)s.Number).FirstOrDefault() };
            var at = steps.Select(s => (ulong)s.Number).ToList();
            var record = Of(6) with
            {
                Priorities = [.. steps.Where(s => s.Section == 0).Select(s => new PriorityRange((ulong)s.Number, (ulong)(s.Number + s.Small), (s.Small % 31) + 1))],
                Held = [.. steps.Where(s => s.Section == 1).Select(s => new HeldMessage((ulong)s.Number, s.Number / 2, s.Small, new string('g', s.Small)))],
                Dead = [.. steps.Where(s => s.Section == 2).Select(s => new DeadMark((ulong)s.Number, at[0], s.Small, (DeadLetterReason)(s.Small % 4), new string('é', s.Small), s.Number))],
                Ids = steps.Any(s => s.Section == 3) ? new MessageIds(steps[0].Number, 3, 9, [.. steps.Where(s => s.Section == 3).Select(s => $"{s.Number}")]) : null,
                Keyed = [.. steps.Where(s => s.Section == 4).Select(s => new KeyedMessage((ulong)s.Number, s.Small, $"{s.Small}"))],
                Paused = steps.FirstOrDefault(s => s.Section == 5) is { Number: > 0 and var number } ? number % 2 == 0 : null,
            };
            AssertAlike(record, QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, 1, 0));
        });

    [Theory]
    [InlineData("06" + "06" + "03" + "02" + "0a" + "04" + "01" + "00")]
    public void A_reason_that_is_not_known_is_refused(string operations)
    {
        var failure = Assert.Throws<LedgerFormatException>(() => QueueRecordCodec.Decode(Convert.FromHexString(operations), 1, 0));
        Assert.Contains("reason 4", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ledger_keeps_marks_for_as_long_as_their_messages_need_them()
    {
        var ledger = new QueueLedger();
        ledger.Apply(
            new QueueRecord
            {
                FirstPosition = 1,
                Priorities = [new PriorityRange(2, 3, 5)],
                Held = [new HeldMessage(1, 100, 10, ""), new HeldMessage(2, 100, 10, ""), new HeldMessage(3, 100, 10, "")],
                Keyed = [new KeyedMessage(3, 10, "k"), new KeyedMessage(4, 10, "k"), new KeyedMessage(5, 10, "l")],
                LastExpiring = 4,
                Paused = true,
            },
            messageCount: 5);
        Assert.Equal([new LiveRange(1, 1, 0), new LiveRange(2, 3, 0, 5), new LiveRange(4, 5, 0)], ledger.Live.Ranges());
        ledger.Apply(
            new QueueRecord
            {
                FirstPosition = 6,
                Delivered = [new PositionRange(1, 1)],
                Dead = [new DeadMark(2, 1, 10, DeadLetterReason.Expired, "", 7), new DeadMark(4, 2, 10, DeadLetterReason.Expired, "", 7)],
            },
            messageCount: 0);
        Assert.Equal([3UL], ledger.Held.InOrder.Select(h => h.Position));
        Assert.Equal([3UL, 5], ledger.Keyed.InOrder.Select(k => k.Position));
        Assert.Equal([2UL, 4], ledger.Dead.InOrder.Select(d => d.Position));
        LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
        ledger.Apply(new QueueRecord { FirstPosition = 6, Settled = [new PositionRange(1, 5)], Paused = false }, messageCount: 0);
        Assert.Equal((0, 0, 0, 2UL, 4UL, false), (ledger.Held.Count, ledger.Keyed.Count, ledger.Dead.Count, ledger.LastDead, ledger.LastExpiring, ledger.IsPaused));
        LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
    }

    [Fact]
    public void A_mark_of_a_message_that_was_lost_is_nothing_but_its_number()
    {
        var ledger = new QueueLedger();
        ledger.Apply(
            new QueueRecord
            {
                FirstPosition = 5, Held = [new HeldMessage(3, 9, 9, "")], Keyed = [new KeyedMessage(4, 9, "k")], Dead = [new DeadMark(2, 8, 9, DeadLetterReason.Rejected, "", 9)],
            },
            messageCount: 1);
        Assert.Equal((0, 0, 0, 8UL), (ledger.Held.Count, ledger.Keyed.Count, ledger.Dead.Count, ledger.LastDead));
        Assert.Equal(1, new QueueMachine(new QueueLimits(), ledger, new QueueSettings { Conflate = true, DeadLetters = true }).ReadyCount);
    }

    [Fact]
    public void After_lost_records_no_number_of_a_dead_message_is_used_twice()
    {
        var replay = new LedgerReplay();
        replay.OnOperations(1, new QueueRecord { FirstPosition = 1, Dead = [new DeadMark(1, 1, 10, DeadLetterReason.Expired, "", 0)] }, 3, 64, 100);
        replay.OnLost(lastIndex: 7, nextPosition: 21);
        Assert.Equal(20UL, replay.Complete(() => throw new InvalidOperationException()).LastDead);
    }

    private static void AssertAlike(QueueRecord expected, QueueRecord actual)
    {
        Same.Sequence(expected.Priorities, actual.Priorities);
        Same.Sequence(expected.Held, actual.Held);
        Same.Sequence(expected.Dead, actual.Dead);
        Same.Sequence(expected.Keyed, actual.Keyed);
        Same.Sequence(expected.Ids?.Ids ?? [], actual.Ids?.Ids ?? []);
        Assert.Equal((expected.Ids?.At, expected.Ids?.Window, expected.Ids?.MaxCount), (actual.Ids?.At, actual.Ids?.Window, actual.Ids?.MaxCount));
        Assert.Equal((expected.Paused, expected.LastExpiring), (actual.Paused, actual.LastExpiring));
    }
}
