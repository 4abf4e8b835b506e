using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Ledgers;

public class LedgerCheckpointTests
{
    /// <summary>State <c>10</c>, live <c>11</c>, segments <c>12</c>, producers <c>01</c>; each with its length. These bytes are on disks and never change.</summary>
    private const string Golden =
        "10" + "08" + "4066" + "42bc" + "02" + "02" + "5000"
        + "11" + "0a" + "050000" + "020501" + "024055" + "00"
        + "12" + "12" + "01" + "6000" + "050a" + "0707" + "4046" + "02" + "5000" + "000b" + "0c0c" + "4078"
        + "01" + "06" + "0473686f70" + "07";

    /// <summary>Positions 5, 8 to 13 and 16 to 101, of which the second range was handed out once; segments of positions 5 to 15 and 16 to 27.</summary>
    private static QueueLedger Sample()
    {
        var ledger = new QueueLedger();
        ledger.Skip(lastIndex: 0, nextPosition: 5);
        ledger.Apply(new QueueRecord { FirstPosition = 5, MessageBytes = 970, Producers = [new ProducerMark("shop", 7)] }, messageCount: 97);
        ledger.Index.Locate(1, 0, 100);
        ledger.Apply(
            new QueueRecord { FirstPosition = 102, Delivered = [new PositionRange(8, 13)], Settled = [new PositionRange(6, 7), new PositionRange(14, 15)], SettledBytes = 270 },
            messageCount: 0);
        ledger.Moved(1, [new SegmentEntry(1, 8192, 5, 15, 7, 7, 70), new SegmentEntry(2, 4096, 16, 27, 12, 12, 120)], (2, 4096));
        return ledger;
    }

    [Fact]
    public void A_checkpoint_has_the_bytes_that_it_always_had()
    {
        Assert.Equal(Golden, Convert.ToHexStringLower(Sample().Checkpoint().Span));
        LedgerText.AssertAlike(Sample(), QueueLedger.Restore(Convert.FromHexString(Golden), 2));
    }

    [Fact]
    public void What_was_refused_of_producers_is_in_it()
    {
        var ledger = Sample();
        ledger.Apply(
            new QueueRecord { FirstPosition = 102, Producers = [new ProducerMark("bank", 3), new ProducerMark("shop", 12, RefusedSequences.Of(new SequenceRange(9, 10)))] }, messageCount: 0);
        Assert.EndsWith("0b" + "05" + "01" + "00" + "01" + "0901", Convert.ToHexStringLower(ledger.Checkpoint().Span), StringComparison.Ordinal); // of the second producer, 9 and one more
        LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
    }

    [Fact]
    public void A_ledger_without_anything_is_restored_as_such()
    {
        var restored = QueueLedger.Restore(new QueueLedger().Checkpoint().Span, 0);
        LedgerText.AssertAlike(new QueueLedger(), restored);
        Assert.Equal(1UL, restored.NextPosition);
    }

    [Fact]
    public void A_restored_ledger_goes_on_under_the_number_of_its_checkpoint()
    {
        var ledger = Sample();
        ledger.CountCheckpoint();
        var restored = QueueLedger.Restore(Sample().Checkpoint().Span, index: 3);
        Assert.Equal(3UL, ledger.LastIndex);
        Assert.Equal(3UL, restored.LastIndex);
        foreach (var either in (QueueLedger[])[ledger, restored])
        {
            either.Apply(new QueueRecord { FirstPosition = 102, MessageBytes = 10, Settled = [new PositionRange(5, 10)], SettledBytes = 40 }, messageCount: 1);
        }

        LedgerText.AssertAlike(ledger, restored);
        Assert.Equal((4UL, 103UL, 670L, 3UL), (restored.LastIndex, restored.NextPosition, restored.LiveBytes, restored.Index.Segments[0].Live));
    }

    /// <summary>Bytes of messages that were lost with their records are taken off when those are settled all the same.</summary>
    [Fact]
    public void A_ledger_whose_bytes_are_not_known_any_more_has_a_checkpoint()
    {
        var ledger = new QueueLedger();
        ledger.Apply(new QueueRecord { FirstPosition = 1, MessageBytes = 10 }, messageCount: 1);
        ledger.Skip(lastIndex: 2, nextPosition: 3);
        ledger.Apply(new QueueRecord { FirstPosition = 3, Settled = [new PositionRange(2, 2)], SettledBytes = 1_000 }, messageCount: 0);
        Assert.Equal((1UL, 0L), (ledger.Live.Count, ledger.LiveBytes));
        LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
    }

    [Fact]
    public void Segments_that_are_to_be_deleted_are_not_in_it()
    {
        var ledger = Sample();
        ledger.Apply(new QueueRecord { FirstPosition = 102, Settled = [new PositionRange(5, 15)], SettledBytes = 70 }, messageCount: 0);
        Assert.Equal([1U], ledger.DroppedSegments);
        var restored = QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex);
        Assert.Equal([2U], restored.Index.Segments.Select(s => s.Number));
        Assert.Empty(restored.DroppedSegments);
    }

    [Theory]
    [InlineData("00" + "00")]
    [InlineData("02" + "00")]
    [InlineData("03" + "01" + "00")]
    [InlineData("15" + "00")]
    public void A_section_that_is_not_known_is_refused(string checkpoint)
    {
        var failure = Assert.Throws<LedgerFormatException>(() => QueueLedger.Restore(Convert.FromHexString(checkpoint), 1));
        Assert.Contains("section", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_comes_once()
    {
        const string Live = "11" + "03" + "010000";
        QueueLedger.Restore(Convert.FromHexString(Live), 1);
        Assert.Throws<LedgerFormatException>(() => QueueLedger.Restore(Convert.FromHexString(Live + Live), 1));
    }

    /// <summary>Eight-byte numbers that add up to more than there are.</summary>
    [Fact]
    public void Positions_that_run_over_are_refused()
    {
        var range = "ffffffffffffffff" + "ffffffffffffffff" + "00";
        Assert.Throws<LedgerFormatException>(() => QueueLedger.Restore(Convert.FromHexString("11" + "33" + range + range + range), 1));
    }

    [Fact]
    public void A_checkpoint_cut_off_anywhere_is_read_or_refused()
    {
        var bytes = Convert.FromHexString(Golden);
        for (var length = 0; length < bytes.Length; length++)
        {
            ReadOrRefuse(bytes[..length]);
        }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused() => RandomHistories.Check(20_000, 40, QueueRecordCodecTests.AnyByte, bytes => ReadOrRefuse([.. bytes]));

    [Fact]
    public void Damaged_bytes_are_read_or_refused() => RandomHistories.Check(5_000, 4, random => (At: random.Next(), Value: QueueRecordCodecTests.AnyByte(random)), steps =>
    {
        var bytes = Convert.FromHexString(Golden);
        foreach (var (at, value) in steps)
        {
            bytes[at % bytes.Length] = value;
        }

        ReadOrRefuse(bytes);
    });

    private static void ReadOrRefuse(byte[] bytes)
    {
        try
        {
            QueueLedger.Restore(bytes, 1);
        }
        catch (LedgerFormatException)
        {
            // As it is to be; anything else fails the test.
        }
    }
}
