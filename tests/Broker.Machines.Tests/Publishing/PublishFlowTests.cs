using Broker.Machines.Publishing;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>How much of a publish stream may be under way, and when it is all done.</summary>
public class PublishFlowTests
{
    private static readonly FrameFault Deleted = new(ErrorCode.QueueDeleted, "the queue was deleted");
    private static readonly int Overhead = TestMessages.Encoded("x", "k", "").Length;

    [Fact]
    public void Reading_stops_at_the_bound_of_bytes_until_queues_accept()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxOutstandingBytes = 2 * Overhead });
        stream.Router.Set("x", "k", "q");
        Assert.Null(stream.Publish(1, "k"));
        Assert.True(stream.Machine.MayRead);
        var first = Assert.Single(stream.Batches());
        Assert.Null(stream.Publish(2, "k"));
        Assert.False(stream.Machine.MayRead);
        Assert.Equal(2 * Overhead, stream.Machine.OutstandingBytes);

        stream.Machine.HandleAnswered(first, fault: null, wasParked: false);
        Assert.True(stream.Machine.MayRead);
        Assert.Equal(Overhead, stream.Machine.OutstandingBytes);
    }

    [Fact]
    public void Each_queue_of_a_fan_out_counts_its_bytes()
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", "q1", "q2");
        Assert.Null(stream.Publish(1, "k"));
        Assert.Equal(2 * Overhead, stream.Machine.OutstandingBytes);
    }

    [Fact]
    public void Reading_stops_at_the_bound_of_messages()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxOutstandingMessages = 2 });
        stream.Router.Set("x", "k", "q");
        Assert.Null(stream.Publish(1, "k"));
        var first = Assert.Single(stream.Batches());
        Assert.Null(stream.Publish(2, "k"));
        Assert.False(stream.Machine.MayRead);
        stream.Machine.HandleAnswered(first, fault: Deleted, wasParked: false);
        Assert.True(stream.Machine.MayRead);
    }

    [Fact]
    public void Messages_without_a_queue_take_no_room()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxOutstandingMessages = 1, MaxOutstandingBytes = 1 });
        stream.Router.Set("x", "k", "q");
        Assert.Null(stream.Publish(1, "other"));
        Assert.Null(stream.Publish(2, "other", mandatory: true));
        Assert.True(stream.Machine.MayRead);
    }

    [Fact]
    public void Queue_that_is_deleted_first_rejects_the_messages()
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", "q1", "q2");
        stream.Router.Set("x", "one", "q1");
        Assert.Null(stream.Publish(1, "k"));
        Assert.Null(stream.Publish(2, "one"));
        var batches = stream.Batches();
        stream.Machine.HandleAnswered(batches[1], fault: Deleted, wasParked: false);
        stream.Machine.HandleAnswered(batches[0], fault: null, wasParked: false);

        var (confirmed, others) = stream.Outcomes();
        Assert.Equal([new SequenceRange(2, 2)], confirmed);
        var outcome = Assert.Single(others);
        Assert.Equal((1UL, false, ErrorCode.QueueDeleted), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Equal(0, stream.Machine.OutstandingBytes);
    }

    [Fact]
    public void Parked_batches_are_counted_until_they_are_answered()
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", "q1", "q2");
        Assert.Null(stream.Publish(1, "k"));
        var batches = stream.Batches();
        stream.Machine.HandleParked();
        Assert.Equal(1, stream.Machine.ParkedCount);
        stream.Machine.HandleAnswered(batches[0], fault: null, wasParked: false);
        Assert.Equal(1, stream.Machine.ParkedCount);
        stream.Machine.HandleAnswered(batches[1], fault: null, wasParked: true);
        Assert.Equal(0, stream.Machine.ParkedCount);
    }

    [Fact]
    public void Stream_is_settled_once_every_outcome_was_taken()
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxMessageBytes = 60 });
        stream.Router.Set("x", "k", "q");
        Assert.True(stream.Machine.IsSettled);

        Assert.Null(stream.Publish(1, "k"));
        Assert.False(stream.Machine.IsSettled, "not sent to its queue");
        var batch = Assert.Single(stream.Batches());
        Assert.False(stream.Machine.IsSettled, "not accepted");
        stream.Machine.HandleAnswered(batch, fault: null, wasParked: false);
        Assert.False(stream.Machine.IsSettled, "the confirm was not taken");
        stream.Outcomes();
        Assert.True(stream.Machine.IsSettled);
    }

    [Theory]
    [InlineData("k", "x", 100, false)]
    [InlineData("k", "nowhere", 1, false)]
    [InlineData("other", "x", 1, true)]
    [InlineData("other", "x", 1, false)]
    public void Stream_is_not_settled_while_an_answer_without_a_queue_waits(string key, string exchange, int bodySize, bool mandatory)
    {
        var stream = new PublishStream(new PublishStreamLimits { MaxMessageBytes = 60 });
        stream.Router.Set("x", "k", "q");
        Assert.Null(stream.Publish(1, key, new string('b', bodySize), exchange, mandatory));
        Assert.False(stream.Machine.IsSettled);
        stream.Outcomes();
        Assert.True(stream.Machine.IsSettled);
    }
}
