using Broker.Transport.Ngtcp2.Engine;

namespace Broker.Transport.Tests.Ngtcp2;

/// <summary>The one frame that ngtcp2 keeps to itself is found among all others (RFC 9000, section 19).</summary>
public sealed class StopSendingScannerTests
{
    private static readonly byte[] _stop = [0x05, 0x04, 0x40, 0x4d];

    [Theory]
    [InlineData("00000000")]
    [InlineData("01")]
    [InlineData("02050002000101000201")]
    [InlineData("0305000001010203")]
    [InlineData("04040506")]
    [InlineData("060003aabbcc")]
    [InlineData("0702aabb")]
    [InlineData("0a0402aabb")]
    [InlineData("0f0441000102")]
    [InlineData("1001")]
    [InlineData("110401")]
    [InlineData("1201")]
    [InlineData("1301")]
    [InlineData("1401")]
    [InlineData("150401")]
    [InlineData("1601")]
    [InlineData("18010004aabbccdd000102030405060708090a0b0c0d0e0f")]
    [InlineData("1902")]
    [InlineData("1a0001020304050607")]
    [InlineData("1b0001020304050607")]
    [InlineData("1e")]
    public void Found_behind_any_other_frame(string other)
    {
        var frames = other == "0f0441000102" ? Convert.FromHexString("0f04410002aabb") : Convert.FromHexString(other);

        Assert.Equal([(4L, 77L)], Scan([.. frames, .. _stop]));
    }

    [Fact]
    public void Stream_without_length_hides_what_looks_like_one() => Assert.Empty(Scan([0x08, 0x04, .. _stop]));

    [Fact]
    public void Several_are_found() => Assert.Equal([(4L, 77L), (4L, 77L)], Scan([.. _stop, 0x01, .. _stop]));

    [Fact]
    public void Any_bytes_cut_anywhere_end_the_scan_in_peace()
    {
        var random = new Random(19);
        var bytes = new byte[64];
        for (var i = 0; i < 1_000_000; i++)
        {
            random.NextBytes(bytes);
            bytes[0] &= 0x1f;
            _ = Scan(bytes.AsSpan(0, random.Next(bytes.Length)));
        }
    }

    private static List<(long Id, long Code)> Scan(ReadOnlySpan<byte> payload)
    {
        var found = new List<(long, long)>();
        StopSendingScanner.Scan(payload, found, static (list, id, code) => list.Add((id, code)));
        return found;
    }
}
