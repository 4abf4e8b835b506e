using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>A queue takes some messages of a batch and refuses others.</summary>
public class PartialRefusalTests
{
    private static readonly FrameFault s_full = new(ErrorCode.ResourceExhausted, "the queue is full");
    private static readonly FrameFault s_away = new(ErrorCode.Unavailable, "its leader is away");

    [Theory]
    [InlineData("4-6", "1,2,3", "4,5,6")]
    [InlineData("1-6", "", "1,2,3,4,5,6")]
    [InlineData("1-1", "2,3,4,5,6", "1")]
    [InlineData("2-2 5-6", "1,3,4", "2,5,6")]
    public void Each_message_has_its_own_outcome(string refused, string confirmed, string rejected)
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", "q");
        var batch = Publish(stream, 6);
        stream.Machine.HandleAnswered(batch, s_full, wasParked: false, [.. refused.Split(' ').Select(Refusal)]);
        var (taken, others) = stream.Outcomes();
        Assert.Equal(confirmed, string.Join(',', taken.SelectMany(r => Enumerable.Range((int)r.First, (int)(r.Last - r.First) + 1))));
        Assert.Equal(rejected, string.Join(',', others.Select(o => o.Sequence)));
        Assert.All(others, o => Assert.Equal((false, s_full), (o.Returned, o.Fault)));
        Assert.True(stream.Machine.IsSettled);
    }

    [Fact]
    public void A_queue_that_is_full_does_not_break_the_stream_of_a_producer()
    {
        var stream = new PublishStream(open: false);
        stream.Router.Set("x", "k", "q");
        stream.Machine.HandleOpen("user\nproducer");
        stream.Machine.HandleAnswered(Publish(stream, 3), s_full, wasParked: false, [Refusal("3-3")]);
        Assert.Null(stream.Machine.Broken);
        Assert.True(stream.Machine.MayRead);
    }

    [Fact]
    public void A_part_that_may_come_again_breaks_it_whatever_became_of_the_others()
    {
        var stream = new PublishStream(open: false);
        stream.Router.Set("x", "k", "q");
        stream.Machine.HandleOpen("user\nproducer");
        stream.Machine.HandleAnswered(Publish(stream, 4), s_full, wasParked: false, [Refusal("1-1"), Refusal("3-4") with { Fault = s_away }]);
        Assert.Equal(s_away, stream.Machine.Broken);
        Assert.Equal([(1UL, s_full), (3, s_away), (4, s_away)], stream.Outcomes().Others.Select(o => (o.Sequence, o.Fault)));
    }

    [Theory]
    [InlineData(true, false, "returned")]
    [InlineData(false, false, "confirmed")]
    [InlineData(true, true, "confirmed")] // somebody else has it
    public void A_message_for_a_consumer_who_turns_out_to_be_gone_is_dropped_or_returned(bool mandatory, bool isTakenByAnother, string expected)
    {
        var stream = new PublishStream();
        stream.Router.Set("x", "k", isTakenByAnother ? ["inbox", "q"] : ["inbox"]);
        Assert.Null(stream.Publish(1, "k", mandatory: mandatory));
        foreach (var batch in stream.Batches())
        {
            stream.Machine.HandleAnswered(batch, batch.Queue == "inbox" ? new FrameFault(ErrorCode.Unroutable, "nobody is there") : null, wasParked: false);
        }

        var (confirmed, others) = stream.Outcomes();
        Assert.Equal(expected, confirmed.Count == 1 ? "confirmed" : others is [{ Returned: true, Fault.Code: ErrorCode.Unroutable }] ? "returned" : "rejected");
    }

    /// <summary>Whoever goes on with the queue may not know what was refused, and a later message that it took would make it take a refused one that comes again for a repetition.</summary>
    [Theory]
    [InlineData("user\nproducer", ErrorCode.Unavailable, false, true)]
    [InlineData("user\nproducer", ErrorCode.Unavailable, true, false)] // what is certain there says what was refused
    [InlineData("user\nproducer", ErrorCode.QueueDeleted, false, false)]
    [InlineData(null, ErrorCode.Unavailable, false, false)] // it sends nothing again
    public void A_queue_that_moves_after_it_has_refused_something_breaks_the_stream_of_a_producer(string? producer, ErrorCode fate, bool hasTakenMore, bool breaks)
    {
        var stream = new PublishStream(open: false);
        stream.Router.Set("x", "k", "q");
        stream.Machine.HandleOpen(producer);
        stream.Machine.HandleAnswered(Publish(stream, 3), s_full, wasParked: false, [Refusal("3-3")]);
        if (hasTakenMore)
        {
            stream.Machine.HandleAnswered(Publish(stream, 1, first: 4), fault: null, wasParked: false);
        }

        stream.Machine.HandleQueueOver("other", s_away);
        Assert.Null(stream.Machine.Broken);
        stream.Machine.HandleQueueOver("q", new FrameFault(fate, "over"));
        Assert.Equal(breaks, stream.Machine.IsBrokenOff);
    }

    private static PublishBatch Publish(PublishStream stream, int count, int first = 1)
    {
        for (var i = first; i < first + count; i++)
        {
            Assert.Null(stream.Publish((ulong)i, "k"));
        }

        return Assert.Single(stream.Batches());
    }

    /// <summary>Of sequences from 1, the batch's indexes from 0.</summary>
    private static BatchRefusal Refusal(string sequences)
    {
        var ends = sequences.Split('-').Select(int.Parse).ToArray();
        return new BatchRefusal(ends[0] - 1, ends[1] - ends[0] + 1, s_full);
    }
}
