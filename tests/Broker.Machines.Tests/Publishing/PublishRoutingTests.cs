using System.Diagnostics;
using System.Runtime.InteropServices;
using Broker.Machines.Messages;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>Where a message goes, and what its publisher hears when it goes nowhere.</summary>
public class PublishRoutingTests
{
    private readonly PublishStream _stream = new();

    [Fact]
    public void Unknown_exchange_rejects_the_message_and_not_the_stream()
    {
        _stream.Router.Set("x", "k", "q");
        Assert.Null(_stream.Publish(1, "k", exchange: "nowhere", mandatory: true));
        Assert.Null(_stream.Publish(2, "k"));
        var outcome = Assert.Single(_stream.Outcomes().Others);
        Assert.Equal((1UL, false, ErrorCode.NotFound), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Contains("'nowhere'", outcome.Fault.Reason, StringComparison.Ordinal);
        Assert.Single(_stream.Batches());
        Assert.Equal(0, _stream.Machine.UnroutableCount);
    }

    [Fact]
    public void Mandatory_message_that_no_queue_wants_is_returned_and_not_confirmed()
    {
        _stream.Router.Set("x", "k", "q");
        Assert.Null(_stream.Publish(1, "other", mandatory: true));
        var (confirmed, others) = _stream.Outcomes();
        Assert.Empty(confirmed);
        var outcome = Assert.Single(others);
        Assert.Equal((1UL, true, ErrorCode.Unroutable), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Contains("'other'", outcome.Fault.Reason, StringComparison.Ordinal);
        Assert.Equal(0, _stream.Machine.UnroutableCount);
        Assert.Equal(0, _stream.Machine.OutstandingBytes);
    }

    [Fact]
    public void Other_message_that_no_queue_wants_is_counted_and_confirmed()
    {
        _stream.Router.Set("x", "k", "q");
        Assert.Null(_stream.Publish(1, "other"));
        var (confirmed, others) = _stream.Outcomes();
        Assert.Equal([new SequenceRange(1, 1)], confirmed);
        Assert.Empty(others);
        Assert.Equal(1, _stream.Machine.UnroutableCount);
        Assert.Empty(_stream.Batches());
    }

    [Fact]
    public void Mandatory_message_that_is_routed_is_only_confirmed()
    {
        _stream.Router.Set("x", "k", "q");
        Assert.Null(_stream.Publish(1, "k", mandatory: true));
        _stream.Machine.HandleAnswered(Assert.Single(_stream.Batches()), fault: null, wasParked: false);
        var (confirmed, others) = _stream.Outcomes();
        Assert.Equal([new SequenceRange(1, 1)], confirmed);
        Assert.Empty(others);
    }

    [Fact]
    public void Messages_of_one_read_are_batched_by_queue_in_order()
    {
        _stream.Router.Set("x", "a", "qa");
        _stream.Router.Set("x", "b", "qb");
        _stream.Router.Set("x", "both", "qb", "qa");
        Assert.Null(_stream.Publish(1, "a", "1"));
        Assert.Null(_stream.Publish(2, "b", "2"));
        Assert.Null(_stream.Publish(3, "both", "3"));
        Assert.Null(_stream.Publish(4, "a", "4"));

        var batches = _stream.Batches();
        Assert.Equal(["qa", "qb"], batches.Select(b => b.Queue));
        Assert.Equal(["1", "3", "4"], PublishStream.BodiesOf(batches[0]));
        Assert.Equal(["2", "3"], PublishStream.BodiesOf(batches[1]));
        Assert.All(batches, b => Assert.Equal(b.Messages.ToArray().Sum(m => (long)m.SizeBytes), b.SizeBytes));
        Assert.Empty(_stream.Batches());
    }

    [Fact]
    public void Batch_that_was_taken_gets_no_more_messages()
    {
        _stream.Router.Set("x", "a", "q");
        Assert.Null(_stream.Publish(1, "a", "1"));
        var first = Assert.Single(_stream.Batches());
        Assert.Null(_stream.Publish(2, "a", "2"));
        var second = Assert.Single(_stream.Batches());
        Assert.Equal(["1"], PublishStream.BodiesOf(first));
        Assert.Equal(["2"], PublishStream.BodiesOf(second));
    }

    [Fact]
    public void Queues_of_a_fan_out_share_one_copy()
    {
        _stream.Router.Set("x", "k", "q1", "q2", "q3");
        Assert.Null(_stream.Publish(1, "k", "body"));
        var batches = _stream.Batches();
        Assert.Equal(3, batches.Count);
        var bytes = batches[0].Messages.Span[0].Bytes;
        Assert.All(batches, b => Assert.Equal(bytes, b.Messages.Span[0].Bytes)); // equal memory: same array, same place
    }

    [Fact]
    public void Messages_of_one_read_share_one_block()
    {
        _stream.Router.Set("x", "k", "q");
        var message = TestMessages.Encoded("x", "k", "body");
        _stream.Machine.BeginRead(2 * message.Length, now: 0);
        Assert.Null(_stream.Machine.HandlePublish(1, false, false, message));
        Assert.Null(_stream.Machine.HandlePublish(2, false, false, message));
        var stored = Assert.Single(_stream.Batches()).Messages.ToArray();
        Assert.True(MemoryMarshal.TryGetArray(stored[0].Bytes, out var first));
        Assert.True(MemoryMarshal.TryGetArray(stored[1].Bytes, out var second));
        Assert.Same(first.Array, second.Array);
        Assert.Equal(2 * message.Length, first.Array!.Length);
    }

    [Fact]
    public void The_readers_buffer_may_be_reused()
    {
        _stream.Router.Set("x", "k", "q");
        var message = TestMessages.Encoded("x", "k", "body");
        Assert.Null(_stream.Machine.HandlePublish(1, false, false, message));
        Array.Clear(message);
        Assert.Equal(["body"], PublishStream.BodiesOf(Assert.Single(_stream.Batches())));
    }

    [Fact]
    public void Message_is_kept_as_it_was_encoded_with_its_traits()
    {
        _stream.Router.Set("x", "k", "q");
        var properties = new MessageProperties { ContentType = "text/plain", Priority = 3 };
        Assert.Null(_stream.Publish(1, "k", "body", durable: true, properties: properties));
        Assert.Null(_stream.Publish(2, "k", "body"));
        var stored = Assert.Single(_stream.Batches()).Messages.ToArray();
        Assert.Equal(TestMessages.Encoded("x", "k", "body", properties), stored[0].Bytes.ToArray());
        Assert.Equal([MessageTraits.Durable, MessageTraits.None], stored.Select(m => m.Traits));
    }

    [Fact]
    public void Router_is_asked_once_while_address_and_version_stand()
    {
        _stream.Router.Set("x", "k", "q1");
        for (var sequence = 1UL; sequence <= 10; sequence++)
        {
            Assert.Null(_stream.Publish(sequence, "k", $"body {sequence}", properties: sequence % 2 == 0 ? new MessageProperties { AppId = $"app {sequence}" } : null));
        }

        Assert.Equal(1, _stream.Router.Asked);
    }

    [Fact]
    public void Changed_routes_count_from_the_next_message_on()
    {
        _stream.Router.Set("x", "k", "q1");
        Assert.Null(_stream.Publish(1, "k", "1"));
        _stream.Router.Set("x", "k", "q2");
        Assert.Null(_stream.Publish(2, "k", "2"));
        _stream.Router.Set("x", "k");
        Assert.Null(_stream.Publish(3, "k", "3"));

        var batches = _stream.Batches();
        Assert.Equal(["q1", "q2"], batches.Select(b => b.Queue));
        Assert.Equal(["1"], PublishStream.BodiesOf(batches[0]));
        Assert.Equal(["2"], PublishStream.BodiesOf(batches[1]));
        Assert.Equal(1, _stream.Machine.UnroutableCount);
    }

    [Fact]
    public void Names_that_run_together_are_different_addresses()
    {
        _stream.Router.Set("ab", "c", "q1");
        _stream.Router.Set("a", "bc", "q2");
        Assert.Null(_stream.Publish(1, "c", "1", exchange: "ab"));
        Assert.Null(_stream.Publish(2, "bc", "2", exchange: "a"));
        Assert.Equal(["q1", "q2"], _stream.Batches().Select(b => b.Queue));
    }

    [Fact]
    public void Wide_fan_out_costs_no_more_than_its_queues()
    {
        var queues = Enumerable.Range(0, 20_000).Select(i => $"a queue with a long common prefix, number {i:D6}").ToArray();
        _stream.Router.Set("x", "k", queues);
        _stream.Router.Set("x", "l", queues);
        var started = Stopwatch.GetTimestamp();
        for (var sequence = 1UL; sequence <= 20; sequence++)
        {
            Assert.Null(_stream.Publish(sequence, sequence % 2 == 0 ? "k" : "l", "body"));
        }

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(5)); // 0.1 s; 30 s if each queue is searched for among all

        var batches = _stream.Batches();
        Assert.Equal(queues, batches.Select(b => b.Queue));
        Assert.All(batches, b => Assert.Equal(20, b.Count));
    }

    [Fact]
    public void A_batch_of_a_publisher_with_a_name_says_the_sequence_of_each_message()
    {
        var stream = new PublishStream(open: false);
        Assert.Null(stream.Machine.HandleOpen("ann/shop"));
        stream.Router.Set("x", "a", "qa");
        stream.Router.Set("x", "both", "qb", "qa");
        foreach (var (sequence, key) in (IEnumerable<(ulong, string)>)[(3, "a"), (4, "both"), (7, "a"), (8, "a"), (9, "a"), (12, "both")])
        {
            Assert.Null(stream.Publish(sequence, key));
        }

        var batches = stream.Batches().ToDictionary(b => b.Queue);
        Assert.All(batches.Values, b => Assert.Equal("ann/shop", b.Producer.Name));
        Assert.Equal([3UL, 4, 7, 8, 9, 12], batches["qa"].Producer.Sequences.ToArray());
        Assert.Equal([4UL, 12], batches["qb"].Producer.Sequences.ToArray());
        Assert.Equal(12UL, stream.Machine.LastSequence);
    }

    [Fact]
    public void A_batch_of_a_publisher_without_a_name_has_no_sequences()
    {
        _stream.Router.Set("x", "k", "q");
        Assert.Null(_stream.Publish(1, "k"));
        var batch = Assert.Single(_stream.Batches());
        Assert.Null(batch.Producer.Name);
        Assert.True(batch.Producer.Sequences.IsEmpty);
    }
}
