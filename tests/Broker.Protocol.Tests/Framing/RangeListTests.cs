using System.Buffers;

namespace Broker.Protocol.Tests.Framing;

public sealed class RangeListTests
{
    [Theory]
    [InlineData("00", "no range")]
    [InlineData("010000", "sequence 0")]
    [InlineData("0101", "the length is missing")]
    [InlineData("02010000", "the second length is missing")]
    [InlineData("01010000", "a byte too many")]
    [InlineData("01ffffffffffffffff01", "ends after 2^62-1")]
    [InlineData("0201ffffffffffffffffffffffffffffffffffffffffffffffff", "ends after 2^62-1, added up")]
    [InlineData("5001", "4,097 ranges announced")]
    [InlineData("ffffffffffffffff", "2^62-1 ranges announced")]
    public void A_list_that_cannot_be_is_refused(string hex, string why)
    {
        var ranges = new List<SequenceRange> { new(9, 9) };
        Assert.False(RangeList.TryRead(Convert.FromHexString(hex), ranges, out var fault), why);
        Assert.NotEmpty(fault.Reason);
        Assert.Empty(ranges);
    }

    [Fact]
    public void The_most_ranges_that_are_allowed_make_the_round_trip()
    {
        SequenceRange[] ranges =
            [.. Enumerable.Range(0, ProtocolLimits.MaxRanges).Select(static i => new SequenceRange((ulong)(i * 3) + 1, (ulong)(i * 3) + 2))];
        var writer = new ArrayBufferWriter<byte>();
        ConfirmFrame.Write(writer, ranges);
        using var reader = new FrameReader(new ReadOnlySequence<byte>(writer.WrittenMemory), ProtocolLimits.MaxControlFrameBytes);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out _, out var payload, out _));
        var read = new List<SequenceRange>();
        Assert.True(ConfirmFrame.TryRead(payload, read, out _));
        Assert.Equal(ranges, read);
    }

    [Fact]
    public void Ranges_that_touch_or_descend_cannot_be_written()
    {
        var writer = new ArrayBufferWriter<byte>();
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, [new(1, 2), new(3, 4)]));
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, [new(5, 6), new(1, 2)]));
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, [new(6, 5)]));
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, [new(0, 5)]));
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, []));
        Assert.Throws<ArgumentException>(() => ConfirmFrame.Write(writer, new SequenceRange[ProtocolLimits.MaxRanges + 1]));
        Assert.Equal(0, writer.WrittenCount);
    }

    [Fact]
    public void Appended_numbers_join_the_range_before_them()
    {
        var ranges = new List<SequenceRange>();
        foreach (var value in (ulong[])[1, 2, 3, 5, 7, 8])
        {
            RangeList.Append(ranges, value);
        }

        Assert.Equal([new(1, 3), new(5, 5), new(7, 8)], ranges);
    }
}
