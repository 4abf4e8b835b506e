using System.Buffers;

namespace Broker.Protocol.Tests.Control;

public sealed class HandshakeTests
{
    [Fact]
    public void Another_version_is_refused_whatever_follows_it()
    {
        Assert.False(HelloFrame.TryRead([2, 0xff, 0xff, 0xff], out _, out var fault));
        Assert.Equal(ErrorCode.UnsupportedVersion, fault.Code);
    }

    [Theory]
    [InlineData("01 00 00 00 47ff 4400", ErrorCode.ProtocolViolation, "frame limit under its range")]
    [InlineData("01 00 00 00 c000000040000401 80010000", ErrorCode.LimitExceeded, "frame limit over its range")]
    [InlineData("01 00 00 00 80010000 43ff", ErrorCode.ProtocolViolation, "message limit under its range")]
    [InlineData("01 00 00 00 80010000 8000fc01", ErrorCode.ProtocolViolation, "message limit too near the frame limit")]
    public void Limits_that_cannot_be_are_refused(string hex, ErrorCode code, string why)
    {
        Assert.False(HelloFrame.TryRead(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), out _, out var fault), why);
        Assert.Equal(code, fault.Code);
    }

    [Fact]
    public void The_longest_hello_and_welcome_are_within_their_limit()
    {
        var name = new string('n', ProtocolLimits.MaxNameBytes);
        var writer = new ArrayBufferWriter<byte>();
        new HelloFrame { ClientName = name, ClientVersion = name, Vhost = name, MaxFrameBytes = (1 << 30) + 1024, MaxMessageBytes = 1 << 30 }.Write(writer);
        Assert.InRange(writer.WrittenCount, 0, ProtocolLimits.MaxHelloBytes);
        writer.Clear();
        new WelcomeFrame { NodeId = name, ProductVersion = name, ClusterName = name, Identity = name, ConnectionId = Varint.Max }.Write(writer);
        Assert.InRange(writer.WrittenCount, 0, ProtocolLimits.MaxHelloBytes);
    }

    [Fact]
    public void A_stream_begins_with_its_kind()
    {
        var writer = new ArrayBufferWriter<byte>();
        StreamHeader.Write(writer, StreamKind.Consume);
        writer.Write<byte>([0x20, 0x00]);
        var buffer = new ReadOnlySequence<byte>(writer.WrittenMemory);
        Assert.True(StreamHeader.TryRead(buffer, out var kind, out var consumed));
        Assert.Equal(StreamKind.Consume, kind);
        Assert.Equal(2, buffer.Slice(consumed).Length);
        Assert.False(StreamHeader.TryRead(ReadOnlySequence<byte>.Empty, out _, out _));
        Assert.False(StreamHeader.TryRead(new ReadOnlySequence<byte>([0xc0, 0, 0]), out _, out _));
    }
}
