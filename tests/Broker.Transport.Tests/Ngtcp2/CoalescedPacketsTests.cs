using Broker.Transport.Ngtcp2.Engine;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class CoalescedPacketsTests
{
    // Flags, version, connection ids of 2 and 1 bytes, then the rest of the header and the payload.
    private const string Initial = "c0 00000001 02aaaa 01bb 03 010203 4004 11223344";
    private const string Handshake = "e0 00000001 02aaaa 01bb 05 1122334455";
    private const string OneRtt = "40 aaaa 112233";

    [Fact]
    public void Each_packet_of_a_datagram_is_found()
    {
        var datagram = Bytes(Initial + Handshake + OneRtt);
        var lengths = new List<int>();
        for (var at = 0; at < datagram.Length; at += lengths[^1])
        {
            lengths.Add(CoalescedPackets.LengthOfFirst(datagram.AsSpan(at)));
        }

        Assert.Equal([Bytes(Initial).Length, Bytes(Handshake).Length, Bytes(OneRtt).Length], lengths);
    }

    [Theory]
    [InlineData(Initial)]
    [InlineData(Handshake)]
    [InlineData(OneRtt)]
    public void A_packet_that_is_cut_off_takes_the_rest(string packet)
    {
        var bytes = Bytes(packet);
        for (var length = 1; length < bytes.Length; length++)
        {
            Assert.Equal(length, CoalescedPackets.LengthOfFirst(bytes.AsSpan(0, length)));
        }
    }

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
