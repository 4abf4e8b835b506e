using Broker.Machines.Publishing;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>
/// A queue compares with the highest sequence that it has of a producer. So once a queue could not take a message of a producer's stream for now, no later one may
/// reach any queue before it has come again on another stream.
/// </summary>
public class BrokenStreamTests
{
    private static readonly FrameFault s_unavailable = new(ErrorCode.Unavailable, "its leader is away");
    private readonly PublishStream _stream = new(open: false);

    public BrokenStreamTests()
    {
        _stream.Router.Set("x", "a", "qa");
        _stream.Router.Set("x", "b", "qb");
        _stream.Router.Set("x", "c", "qc");
        Assert.Null(_stream.Machine.HandleOpen("user\nproducer"));
    }

    [Theory]
    [InlineData(ErrorCode.Unavailable)]
    [InlineData(ErrorCode.NotLeader)]
    public void Nothing_is_sent_and_nothing_read_after_a_queue_could_not_take_a_message_for_now(ErrorCode code)
    {
        var batch = Send(1, "a");
        Assert.Null(_stream.Publish(2, "a")); // read, and not sent yet
        Assert.Null(_stream.Publish(3, "b"));
        _stream.Machine.HandleAnswered(batch, new FrameFault(code, "its leader is away"), wasParked: false);
        Assert.False(_stream.Machine.MayRead);
        Assert.Empty(_stream.Batches());
        Assert.Equal([1UL, 2, 3], _stream.Outcomes().Others.Select(o => o.Fault.Code == code && !o.Returned ? o.Sequence : 0));
        Assert.True(_stream.Machine.IsBrokenOff);
        Assert.True(_stream.Machine.IsSettled);
    }

    [Fact]
    public void Stream_ends_when_every_queue_has_answered_what_was_sent_before()
    {
        var (first, second) = (Send(1, "a"), Send(2, "b"));
        _stream.Machine.HandleAnswered(first, s_unavailable, wasParked: false);
        Assert.False(_stream.Machine.IsBrokenOff);
        _stream.Machine.HandleAnswered(second, fault: null, wasParked: false);
        Assert.True(_stream.Machine.IsBrokenOff);
        Assert.Equal([new SequenceRange(2, 2)], _stream.Outcomes().Confirmed);
    }

    [Fact]
    public void Full_queue_does_not_hold_up_the_end()
    {
        var (first, second, third) = (Send(1, "a"), Send(2, "b"), Send(3, "c"));
        _stream.Machine.HandleParked(); // the second
        _stream.Machine.HandleAnswered(first, s_unavailable, wasParked: false);
        Assert.False(_stream.Machine.IsBrokenOff);
        _stream.Machine.HandleAnswered(third, fault: null, wasParked: false);
        Assert.True(_stream.Machine.IsBrokenOff);
        _stream.Machine.HandleAnswered(second, fault: null, wasParked: true);
        Assert.True(_stream.Machine.IsBrokenOff);
    }

    [Fact]
    public void Final_refusal_breaks_nothing()
    {
        _stream.Machine.HandleAnswered(Send(1, "a"), new FrameFault(ErrorCode.QueueDeleted, "gone"), wasParked: false);
        Assert.True(_stream.Machine.MayRead);
        Assert.False(_stream.Machine.IsBrokenOff);
        Assert.Equal("qb", Send(2, "b").Queue);
    }

    [Fact]
    public void Publisher_without_a_name_goes_on()
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "a", "qa");
        Assert.Null(stream.Publish(1, "a"));
        stream.Machine.HandleAnswered(Assert.Single(stream.Batches()), s_unavailable, wasParked: false);
        Assert.True(stream.Machine.MayRead);
        Assert.Null(stream.Publish(2, "a"));
        Assert.Single(stream.Batches());
    }

    private PublishBatch Send(ulong sequence, string key)
    {
        Assert.Null(_stream.Publish(sequence, key));
        return Assert.Single(_stream.Batches());
    }
}
