using System.Text;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;

namespace Broker.Storage.Tests.Records;

public sealed class Crc32CTests
{
    // RFC 3720, appendix B.4, which shows the bytes in the order of the wire; and the check value that catalogs of checksums give.
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", 0x8a9136aa)]
    [InlineData("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0x62a8ab43)]
    [InlineData("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x46dd794e)]
    [InlineData("1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100", 0x113fdb5c)]
    [InlineData("", 0)]
    public void The_known_vectors_come_out(string hex, uint checksum) => Assert.Equal(checksum, Crc32C.Compute(Convert.FromHexString(hex)));

    [Fact]
    public void The_check_value_comes_out() => Assert.Equal(0xe3069283, Crc32C.Compute(Encoding.ASCII.GetBytes("123456789")));

    [Fact]
    public void It_is_what_a_bit_by_bit_computation_gives()
    {
        for (var length = 0; length < 300; length++)
        {
            var bytes = DiskBytes.Pattern(length, length);
            Assert.Equal(BitByBit(bytes), Crc32C.Compute(bytes));
        }
    }

    [Fact]
    public void It_goes_on_from_what_came_before()
    {
        var bytes = DiskBytes.Pattern(1, 100);
        for (var at = 0; at <= bytes.Length; at++)
        {
            Assert.Equal(Crc32C.Compute(bytes), Crc32C.Compute(bytes.AsSpan(at), Crc32C.Compute(bytes.AsSpan(0, at))));
        }
    }

    private static uint BitByBit(ReadOnlySpan<byte> bytes)
    {
        var crc = ~0U;
        foreach (var octet in bytes)
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82f63b78);
            }
        }

        return ~crc;
    }
}
