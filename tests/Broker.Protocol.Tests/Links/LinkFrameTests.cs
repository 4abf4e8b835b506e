using System.Buffers;
using Broker.Protocol.Links;

namespace Broker.Protocol.Tests.Links;

public sealed class LinkFrameTests
{
    private const string Store = "00112233445566778899aabbccddeeff";

    [Fact]
    public void Another_version_is_refused_whatever_follows_it()
    {
        Assert.False(LinkHelloFrame.TryRead([2, 0xff, 0xff, 0xff], out _, out var fault));
        Assert.Equal(ErrorCode.UnsupportedVersion, fault.Code);
        Assert.False(LinkWelcomeFrame.TryRead([0], out _, out fault));
        Assert.Equal(ErrorCode.UnsupportedVersion, fault.Code);
    }

    [Theory]
    [InlineData($"01 00 00 0000000000000001 {Store} 4800", ErrorCode.ProtocolViolation, "a node without a name")]
    [InlineData($"01 00 01 6e 0000000000000001 {Store} 47ff", ErrorCode.ProtocolViolation, "frame limit under its range")]
    [InlineData($"01 00 01 6e 0000000000000001 {Store} c000000040000401", ErrorCode.LimitExceeded, "frame limit over its range")]
    [InlineData("01 00 01 6e 0000000000000001 0011", ErrorCode.ProtocolViolation, "the payload ends in the store")]
    public void A_greeting_that_cannot_be_is_refused(string hex, ErrorCode code, string why)
    {
        Assert.False(LinkHelloFrame.TryRead(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), out _, out var fault), why);
        Assert.Equal(code, fault.Code);
    }

    [Fact]
    public void A_shard_beyond_the_last_is_refused()
    {
        Assert.True(ShardOpenFrame.TryRead([0x4f, 0xff], out var last, out _));
        Assert.Equal(LinkInfo.MaxShard, last.Shard);
        Assert.False(ShardOpenFrame.TryRead([0x50, 0x00], out _, out var fault));
        Assert.Equal(ErrorCode.LimitExceeded, fault.Code);
    }

    [Theory]
    [InlineData("00 01", ErrorCode.ProtocolViolation, "there is no such kind")]
    [InlineData("02 00", ErrorCode.ProtocolViolation, "peers count from one")]
    [InlineData("02 01 00", ErrorCode.ProtocolViolation, "a byte after the last field")]
    [InlineData("23 01 80010000", ErrorCode.ProtocolViolation, "more items than the payload can hold")]
    [InlineData("23 01 80010001", ErrorCode.LimitExceeded, "more items than there may be")]
    [InlineData("23 01 01 01 01 00 00 05 61", ErrorCode.ProtocolViolation, "the payload ends in a message")]
    [InlineData("08 01 00 02", ErrorCode.ProtocolViolation, "an unknown bit")]
    [InlineData("22 01 02", ErrorCode.LimitExceeded, "neither a fault nor none")]
    public void A_message_of_a_route_that_cannot_be_is_refused(string hex, ErrorCode code, string why)
    {
        Assert.False(RouteMessage.TryRead(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), out _, out var fault), why);
        Assert.True(code == fault.Code, $"{why}: {fault.Code}, {fault.Reason}");
    }

    [Fact]
    public void Messages_of_a_route_are_slices_of_the_payload()
    {
        var writer = new ArrayBufferWriter<byte>();
        new RouteMessage(RouteKind.Deliver, 1) { Items = [new RouteItem(1, 1, 0, 0, "hello"u8.ToArray())] }.Write(writer);
        var payload = writer.WrittenSpan[2..].ToArray();
        Assert.True(RouteMessage.TryRead(payload, out var message, out _));
        payload[^1] = (byte)'!';
        Assert.Equal("hell!"u8.ToArray(), Assert.Single(message.Items).Bytes.ToArray());
    }

    [Fact]
    public void Pings_count_from_one()
    {
        Assert.False(LinkPingFrame.TryRead([0], out _, out _));
        Assert.False(LinkPongFrame.TryRead([0], out _, out _));
        Assert.False(LinkAppliedFrame.TryRead([0], out _, out _));
    }

    [Fact]
    public void The_longest_greeting_is_within_its_limit()
    {
        var name = new string('n', ProtocolLimits.MaxNameBytes);
        var writer = new ArrayBufferWriter<byte>();
        new LinkHelloFrame(new LinkGreeting { Cluster = name, Node = name, Incarnation = -1, Store = Guid.AllBitsSet, MaxFrameBytes = (1 << 30) + 1024 }).Write(writer);
        Assert.InRange(writer.WrittenCount, 0, ProtocolLimits.MaxHelloBytes);
    }
}
