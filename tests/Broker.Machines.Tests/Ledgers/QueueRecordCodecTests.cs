using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Ledgers;

public class QueueRecordCodecTests
{
    /// <summary>Producers <c>01</c>, delivered <c>02</c>, settled <c>03</c>; each with its length. These bytes are on disks and never change.</summary>
    private const string Golden =
        "01" + "0f" + "0873686f702f616e6e" + "07" + "02c3a9" + "4100"
        + "02" + "04" + "0502" + "0100"
        + "03" + "0a" + "7d00" + "0500" + "80004e20" + "4063";

    private static readonly QueueRecord Sample = new()
    {
        FirstPosition = 20_100,
        MessageBytes = 300,
        Producers = [new ProducerMark("shop/ann", 7), new ProducerMark("é", 256)],
        Delivered = [new PositionRange(5, 7), new PositionRange(1, 1)],
        Settled = [new PositionRange(5, 5), new PositionRange(20_000, 20_099)],
        SettledBytes = 15_616,
    };

    [Fact]
    public void A_record_has_the_bytes_that_it_always_had()
    {
        Assert.Equal(Golden, Convert.ToHexStringLower(QueueRecordCodec.Encode(Sample).Span));
        AssertAlike(Sample, QueueRecordCodec.Decode(Convert.FromHexString(Golden), Sample.FirstPosition, Sample.MessageBytes));
    }

    /// <summary>Refused sequences <c>0b</c>: of the second producer, those up to 4 are forgotten, and 6 to 8 and 200 were refused.</summary>
    [Fact]
    public void What_was_refused_stands_behind_everything_else()
    {
        const string Refused = "0b" + "08" + "01" + "04" + "02" + "0602" + "40bf00";
        var record = Sample with { Producers = [Sample.Producers[0], Sample.Producers[1] with { Refused = RefusedSequences.Of(4, [new SequenceRange(6, 8), new SequenceRange(200, 200)]) }] };
        Assert.Equal(Golden + Refused, Convert.ToHexStringLower(QueueRecordCodec.Encode(record).Span));
        AssertAlike(record, QueueRecordCodec.Decode(Convert.FromHexString(Golden + Refused), record.FirstPosition, record.MessageBytes));
    }

    [Theory]
    [InlineData("0b" + "05" + "00" + "00" + "01" + "0100")] // before there are any producers
    [InlineData("01" + "06" + "0473686f70" + "07" + "0b" + "05" + "01" + "00" + "01" + "0100")] // of a second one
    [InlineData("01" + "06" + "0473686f70" + "07" + "0b" + "05" + "00" + "00" + "02" + "0100")] // two, of which one is missing
    public void Refused_sequences_of_nobody_are_refused(string operations) =>
        Assert.Throws<LedgerFormatException>(() => QueueRecordCodec.Decode(Convert.FromHexString(operations), 1, 0));

    [Fact]
    public void A_record_of_messages_only_has_no_operations()
    {
        var record = new QueueRecord { FirstPosition = 9, Messages = new[] { TestMessages.Named("A", 10) }, MessageBytes = 10 };
        Assert.True(QueueRecordCodec.Encode(record).IsEmpty);
        AssertAlike(record, QueueRecordCodec.Decode([], 9, 10));
    }

    [Fact]
    public void Whatever_is_written_is_read_again() => RandomHistories.Check(
        2_000,
        40,
        random => (Section: random.Next(3), Number: random.NextInt64(1L << random.Next(1, 61)), Length: random.NextInt64(1L << random.Next(1, 40))),
        steps =>
        {
            var ranges = steps.Select(s => new PositionRange((ulong)s.Number, (ulong)(s.Number + s.Length))).ToList();
            var record = new QueueRecord
            {
                FirstPosition = (ulong)steps.Count,
                Producers = [.. steps.Where(s => s.Section == 0).Select(s => new ProducerMark(new string('p', (int)(s.Length % 200)), (ulong)s.Number, RefusedIn(s.Number, s.Length)))],
                Delivered = [.. ranges.Where((_, i) => steps[i].Section == 1)],
                Settled = [.. ranges.Where((_, i) => steps[i].Section == 2)],
                SettledBytes = steps.Any(s => s.Section == 2) ? steps[0].Number : 0,
            };
            AssertAlike(record, QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, 0));
        });

    [Theory]
    [InlineData("00" + "00")]
    [InlineData("0c" + "00")]
    [InlineData("10" + "00")]
    [InlineData("02" + "02" + "0100" + "7fff" + "01" + "00")]
    public void A_section_that_is_not_known_is_refused(string operations)
    {
        var failure = Assert.Throws<LedgerFormatException>(() => QueueRecordCodec.Decode(Convert.FromHexString(operations), 1, 0));
        Assert.Contains("section", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("02" + "02" + "0100" + "02" + "02" + "0200")]
    [InlineData("01" + "03" + "016107" + "02" + "02" + "0100" + "01" + "03" + "016208")]
    public void A_section_comes_once(string operations) =>
        Assert.Throws<LedgerFormatException>(() => QueueRecordCodec.Decode(Convert.FromHexString(operations), 1, 0));

    [Fact]
    public void Positions_that_run_over_are_refused() =>
        Assert.Throws<LedgerFormatException>(() => QueueRecordCodec.Decode(Convert.FromHexString("02" + "10" + "ffffffffffffffff" + "c000000000000001"), 1, 0));

    [Fact]
    public void A_record_cut_off_anywhere_is_read_or_refused()
    {
        var bytes = Convert.FromHexString(Golden);
        for (var length = 0; length < bytes.Length; length++)
        {
            ReadOrRefuse(bytes[..length]);
        }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused() => RandomHistories.Check(20_000, 40, AnyByte, bytes => ReadOrRefuse([.. bytes]));

    [Fact]
    public void Damaged_bytes_are_read_or_refused() => RandomHistories.Check(5_000, 4, random => (At: random.Next(), Value: AnyByte(random)), steps =>
    {
        var bytes = Convert.FromHexString(Golden);
        foreach (var (at, value) in steps)
        {
            bytes[at % bytes.Length] = value;
        }

        ReadOrRefuse(bytes);
    });

    /// <summary>Mostly the small numbers that sections and lengths are made of.</summary>
    internal static byte AnyByte(Random random) => (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(20));

    private static void ReadOrRefuse(byte[] bytes)
    {
        try
        {
            QueueRecordCodec.Decode(bytes, 1, 0);
        }
        catch (LedgerFormatException)
        {
            // As it is to be; anything else fails the test.
        }
    }

    /// <summary>Of every third producer.</summary>
    private static RefusedSequences? RefusedIn(long number, long length) => number % 3 > 0 ? null : RefusedSequences.Of(
        (ulong)(length % 2) * 7,
        [.. Enumerable.Range(0, (int)(length % 5)).Select(i => new SequenceRange((ulong)(10 + (1000 * i)), (ulong)(10 + (1000 * i) + (length % 900))))]);

    private static void AssertAlike(QueueRecord expected, QueueRecord actual)
    {
        Same.Sequence(expected.Producers.Select(p => p.ToString()), actual.Producers.Select(p => p.ToString()));
        Same.Sequence(expected.Delivered, actual.Delivered);
        Same.Sequence(expected.Settled, actual.Settled);
        Assert.Equal((expected.FirstPosition, expected.MessageBytes, expected.SettledBytes), (actual.FirstPosition, actual.MessageBytes, actual.SettledBytes));
    }
}
