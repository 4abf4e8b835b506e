using Broker.Machines.Publishing;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>What a publish stream may send, and what is wrong with the rest.</summary>
public class PublishFrameTests
{
    [Fact]
    public void Publish_before_open_is_a_protocol_violation()
    {
        var stream = new PublishStream(open: false);
        Assert.Equal(ErrorCode.ProtocolViolation, stream.Publish(1, "k")?.Code);
        Assert.False(stream.Machine.IsOpen);
        Assert.Null(stream.Machine.HandleOpen());
        Assert.True(stream.Machine.IsOpen);
        Assert.Null(stream.Publish(1, "k"));
    }

    [Fact]
    public void Opening_twice_is_a_protocol_violation() =>
        Assert.Equal(ErrorCode.ProtocolViolation, new PublishStream().Machine.HandleOpen()?.Code);

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(7)]
    public void Sequence_that_does_not_ascend_is_a_protocol_violation(ulong second)
    {
        var stream = new PublishStream();
        if (second > 0)
        {
            Assert.Null(stream.Publish(7, "k"));
        }

        Assert.Equal(ErrorCode.ProtocolViolation, stream.Publish(second, "k")?.Code);
    }

    [Fact]
    public void Sequence_may_leave_gaps()
    {
        var stream = new PublishStream();
        Assert.Null(stream.Publish(7, "k"));
        Assert.Null(stream.Publish(8, "k"));
        Assert.Null(stream.Publish(1UL << 61, "k"));
    }

    [Fact]
    public void Message_over_the_limit_is_rejected_alone()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxMessageBytes = 50 });
        stream.Router.Set("x", "k", "q");
        var overhead = TestMessages.Encoded("x", "k", "").Length;
        Assert.Null(stream.Publish(1, "k", new string('a', 50 - overhead)));
        Assert.Null(stream.Publish(2, "k", new string('b', 51 - overhead)));
        Assert.Null(stream.Publish(3, "k", "c"));

        var outcome = Assert.Single(stream.Outcomes().Others);
        Assert.Equal((2UL, false, ErrorCode.MessageTooLarge), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Equal(2, Assert.Single(stream.Batches()).Count);
        Assert.Equal(2, stream.Machine.PublishedCount);
    }

    [Fact]
    public void Sequence_of_a_message_over_the_limit_is_used_up()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxMessageBytes = 50 });
        Assert.Null(stream.Publish(2, "k", new string('b', 100)));
        Assert.Equal(ErrorCode.ProtocolViolation, stream.Publish(2, "k")?.Code);
    }

    [Fact]
    public void Malformed_message_ends_the_stream()
    {
        var stream = new PublishStream();
        var whole = TestMessages.Encoded("exchange", "key", "");
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.Equal(ErrorCode.ProtocolViolation, stream.Machine.HandlePublish((ulong)length + 1, false, false, whole.AsSpan(0, length))?.Code);
        }

        Assert.Null(stream.Machine.HandlePublish(1000, false, false, whole));
    }

    [Fact]
    public void Malformed_properties_end_the_stream()
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", "q");
        byte[] message = [1, (byte)'x', 1, (byte)'k', 1, 0, (byte)'b']; // a bit set of properties that says there are none
        Assert.Equal(ErrorCode.ProtocolViolation, stream.Machine.HandlePublish(1, false, false, message)?.Code);
        Assert.Empty(stream.Batches());
        Assert.Equal(0, stream.Machine.OutstandingBytes);
    }
}
