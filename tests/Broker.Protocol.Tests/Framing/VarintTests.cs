namespace Broker.Protocol.Tests.Framing;

public sealed class VarintTests
{
    [Theory]
    [InlineData("00", 0)]
    [InlineData("25", 37)]
    [InlineData("3f", 63)]
    [InlineData("4040", 64)]
    [InlineData("7bbd", 15_293)]
    [InlineData("7fff", 16_383)]
    [InlineData("80004000", 16_384)]
    [InlineData("9d7f3e7d", 494_878_333)]
    [InlineData("bfffffff", 1_073_741_823)]
    [InlineData("c000000040000000", 1_073_741_824)]
    [InlineData("c2197c5eff14e88c", 151_288_809_941_952_652)]
    [InlineData("ffffffffffffffff", 4_611_686_018_427_387_903)]
    public void Values_are_encoded_as_RFC_9000_says(string hex, ulong value)
    {
        var bytes = new byte[8];
        var written = Varint.Write(bytes, value);
        Assert.Equal(hex, Convert.ToHexStringLower(bytes.AsSpan(0, written)));
        Assert.Equal(written, Varint.SizeOf(value));

        Assert.True(Varint.TryRead(bytes, out var read, out var size));
        Assert.Equal((value, written), (read, size));
    }

    [Fact]
    public void A_longer_encoding_than_needed_is_read()
    {
        Assert.True(Varint.TryRead([0x40, 0x25], out var value, out var size));
        Assert.Equal((37ul, 2), (value, size));
    }

    [Theory]
    [InlineData("")]
    [InlineData("40")]
    [InlineData("9d7f3e")]
    [InlineData("c2197c5eff14e8")]
    public void A_varint_that_is_cut_is_not_read(string hex) =>
        Assert.False(Varint.TryRead(Convert.FromHexString(hex), out _, out _));

    [Fact]
    public void A_value_over_2_to_the_62_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Varint.Write(new byte[8], Varint.Max + 1));
}
