using System.Buffers;
using System.Text;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Messages;

public sealed class MessageTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(100_000)]
    public void Publishing_parts_and_publishing_an_encoded_message_give_the_same_bytes(int bodySize)
    {
        var body = Enumerable.Repeat((byte)'b', bodySize).ToArray();
        var message = new ArrayBufferWriter<byte>();
        MessageWriter.Write(message, "shop", "schlüssel", Samples.FullProperties, body);
        Assert.Equal(message.WrittenCount, MessageWriter.Size("shop", "schlüssel", Samples.FullProperties, body.Length));

        var whole = new ArrayBufferWriter<byte>();
        PublishFrame.Write(whole, 7, PublishFlags.Durable, message.WrittenSpan);
        var parts = new ArrayBufferWriter<byte>();
        Assert.Equal(message.WrittenCount, PublishFrame.Write(parts, 7, PublishFlags.Durable, "shop", "schlüssel", Samples.FullProperties, body));
        Assert.True(whole.WrittenSpan.SequenceEqual(parts.WrittenSpan));
    }

    [Fact]
    public void All_properties_make_the_round_trip()
    {
        Assert.True(MessageView.TryParse(Samples.Message("e", "k", Samples.FullProperties, "body"), out var view, out _));
        Assert.True(MessageProperties.TryRead(view.Properties, out var properties, out _));
        Assert.Equal(Samples.FullProperties, properties);
        Assert.Equal("body", Encoding.UTF8.GetString(view.Body));
    }

    [Fact]
    public void No_properties_take_no_bytes()
    {
        Assert.True(MessageView.TryParse(Samples.Message("", "q", new MessageProperties(), ""), out var view, out _));
        Assert.True(view.Properties.IsEmpty);
        Assert.True(MessageProperties.TryRead(view.Properties, out var properties, out _));
        Assert.Equal(new MessageProperties(), properties);
    }

    [Theory]
    [InlineData("", ErrorCode.ProtocolViolation)]
    [InlineData("0100", ErrorCode.ProtocolViolation)]
    [InlineData("01ff0000", ErrorCode.ProtocolViolation)]
    [InlineData("0002c3280000", ErrorCode.ProtocolViolation)]
    [InlineData("4100", ErrorCode.LimitExceeded)]
    [InlineData("000080010001", ErrorCode.LimitExceeded)]
    [InlineData("000005", ErrorCode.ProtocolViolation)]
    public void A_message_that_cannot_be_is_refused(string hex, ErrorCode code)
    {
        Assert.False(MessageView.TryParse(Convert.FromHexString(hex), out _, out var fault));
        Assert.Equal(code, fault.Code);
    }

    [Theory]
    [InlineData("00", "empty bit set")]
    [InlineData("60000000", "unknown bit")]
    [InlineData("42004100", "priority 256")]
    [InlineData("5000020178000178 00", "a header name twice")]
    [InlineData("500001017808", "unknown value type")]
    [InlineData("5000010178030000", "integer cut")]
    [InlineData("500002017800", "fewer headers than announced")]
    [InlineData("5000010178070107010701070107010700", "lists nested six deep")]
    [InlineData("0102c328", "invalid UTF-8")]
    public void Properties_that_cannot_be_are_refused(string hex, string why)
    {
        var bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.False(MessageProperties.TryRead(bytes, out _, out var fault), why);
        Assert.False(MessageProperties.TryValidate(bytes, out var validated), why);
        Assert.Equal(fault.Code, validated.Code);
    }

    [Fact]
    public void What_is_over_a_limit_cannot_be_written()
    {
        var writer = new ArrayBufferWriter<byte>();
        Assert.Throws<ArgumentException>(() => MessageWriter.Write(writer, new string('e', 256), "", null, []));
        Assert.Throws<ArgumentException>(() => MessageWriter.Write(writer, "", new string('ü', 128), null, []));
        Assert.Throws<ArgumentException>(() => MessageWriter.Write(writer, "", "", new MessageProperties { AppId = new string('a', 256) }, []));
        Assert.Throws<ArgumentException>(() => MessageWriter.Write(writer, "", "", new MessageProperties { Delay = TimeSpan.FromDays(40_000) }, []));
        Assert.Throws<ArgumentException>(() => MessageWriter.Write(writer, "", "", new MessageProperties { Expiration = TimeSpan.FromSeconds(-1) }, []));
        Assert.Throws<ArgumentException>(() => FieldTable.Of(("twice", 1), ("twice", 2)));
        Assert.Throws<ArgumentException>(() => FieldTable.Of(("big", new string('x', 65_536))));
        Assert.Throws<ArgumentException>(() => FieldTable.Of(("deep", FieldValue.List(FieldValue.List(FieldValue.List(FieldValue.List(FieldValue.List())))))));
        Assert.Throws<ArgumentException>(() => FieldTable.Of(Enumerable.Range(0, 1025).Select(static i => KeyValuePair.Create($"n{i}", FieldValue.Null))));
        Assert.Equal(0, writer.WrittenCount);
    }

    [Fact]
    public void A_reason_that_is_too_long_is_cut_at_a_character()
    {
        var writer = new ArrayBufferWriter<byte>();
        new ErrorFrame(ErrorCode.InternalError, "x" + new string('ü', 2000)).Write(writer);
        using var reader = new FrameReader(new ReadOnlySequence<byte>(writer.WrittenMemory), ProtocolLimits.MaxControlFrameBytes);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out _, out var payload, out _));
        Assert.True(ErrorFrame.TryRead(payload, out var frame, out _));
        Assert.Equal("x" + new string('ü', 511), frame.Reason);
    }

    [Fact]
    public void Valid_properties_are_checked_without_an_allocation()
    {
        Assert.True(MessageView.TryParse(Samples.Message("e", "k", Samples.FullProperties, ""), out var view, out _));
        Assert.True(MessageProperties.TryValidate(view.Properties, out _));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(MessageProperties.TryValidate(view.Properties, out _));
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
