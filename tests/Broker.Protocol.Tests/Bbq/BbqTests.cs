using System.Buffers;
using System.Text;
using Broker.Protocol.Bbq;
using Broker.Protocol.Tests.Framing;

namespace Broker.Protocol.Tests.Bbq;

public sealed class BbqTests
{
    [Theory]
    [InlineData(0, "00")]
    [InlineData(250, "fa")]
    [InlineData(251, "fbfb00")]
    [InlineData(65_535, "fbffff")]
    [InlineData(65_536, "fc00000100")]
    [InlineData(4_294_967_295, "fcffffffff")]
    [InlineData(4_294_967_296, "fd0000000001000000")]
    [InlineData(ulong.MaxValue, "fdffffffffffffffff")]
    public void Integers_are_encoded_as_bincode_does(ulong value, string hex)
    {
        var bytes = new byte[BincodeVarint.MaxSize];
        var size = BincodeVarint.Write(bytes, value);
        Assert.Equal(hex, Convert.ToHexStringLower(bytes.AsSpan(0, size)));
        Assert.True(BincodeVarint.TryRead(bytes, out var read, out var length));
        Assert.Equal((value, size), (read, length));
        for (var cut = 0; cut < size; cut++)
        {
            Assert.False(BincodeVarint.TryRead(bytes.AsSpan(0, cut), out _, out _));
        }
    }

    [Theory]
    [InlineData("fe00000000000000000000000000000000")]
    [InlineData("ff")]
    public void Integers_that_this_protocol_does_not_have_are_refused(string hex) =>
        Assert.False(BincodeVarint.TryRead(Convert.FromHexString(hex), out _, out _));

    [Fact]
    public void A_publish_has_the_bytes_that_the_seed_sends()
    {
        // u64 length 13, variant 0, "ex", "key", bytes "body".
        var writer = new ArrayBufferWriter<byte>();
        BbqRequest.WritePublish(writer, "ex"u8, "key"u8, "body"u8);
        Assert.Equal("0d00000000000000" + "00" + "026578" + "036b6579" + "04626f6479", Convert.ToHexStringLower(writer.WrittenSpan));
    }

    [Theory]
    [InlineData("02", "unknown variant")]
    [InlineData("0003", "exchange cut")]
    [InlineData("000161ff", "an integer that is not one")]
    [InlineData("000000fdffffffffffffffff", "a message of 2^64-1 bytes")]
    [InlineData("01016100", "a byte too many")]
    [InlineData("0102c328", "invalid UTF-8")]
    [InlineData("", "nothing")]
    public void A_request_that_cannot_be_is_refused(string hex, string why)
    {
        Assert.False(BbqRequest.TryRead(Convert.FromHexString(hex), out _, out var fault), why);
        Assert.Equal(ErrorCode.ProtocolViolation, fault.Code);
    }

    [Fact]
    public void A_name_over_the_limit_is_refused()
    {
        byte[] payload = [1, 251, 0, 1, .. Encoding.ASCII.GetBytes(new string('q', 256))];
        Assert.False(BbqRequest.TryRead(payload, out _, out var fault));
        Assert.Equal(ErrorCode.LimitExceeded, fault.Code);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(1 << 20)]
    public void A_payload_is_read_however_it_is_cut(int piece)
    {
        var body = Enumerable.Range(0, 50_000).Select(static i => (byte)i).ToArray();
        var writer = new ArrayBufferWriter<byte>();
        BbqDelivery.Write(writer, body);
        var stream = writer.WrittenSpan.ToArray();
        using var partial = new PartialFrame();
        var consumed = 0;
        for (var arrived = 0; arrived < stream.Length;)
        {
            arrived = Math.Min(stream.Length, arrived + piece);
            var buffer = Segments.Cut(stream[consumed..arrived], (arrived - consumed) / 2);
            var status = BbqFraming.TryRead(buffer, 1 << 20, partial, out var payload, out var position, out _);
            consumed += (int)buffer.Slice(0, position).Length;
            Assert.Equal(arrived == stream.Length ? FrameReadStatus.Frame : FrameReadStatus.NeedMore, status);
            if (status == FrameReadStatus.Frame)
            {
                Assert.True(BbqDelivery.TryRead(payload, out var read, out _));
                Assert.True(read.SequenceEqual(body));
            }
        }

        Assert.Equal(stream.Length, consumed);
    }

    [Fact]
    public void A_length_over_the_limit_is_a_fault_before_its_payload_has_come()
    {
        using var partial = new PartialFrame();
        var status = BbqFraming.TryRead(new ReadOnlySequence<byte>(Convert.FromHexString("ffffffffffffffff")), 1 << 20, partial, out _, out _, out var fault);
        Assert.Equal((FrameReadStatus.Fault, ErrorCode.FrameTooLarge), (status, fault.Code));
    }
}
