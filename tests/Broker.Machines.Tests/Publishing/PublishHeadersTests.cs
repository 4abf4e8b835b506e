using Broker.Machines.Messages;
using Broker.Machines.Publishing;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Tests.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

/// <summary>What a publish stream makes of a message's properties, and of exchanges that look at more than the key.</summary>
public class PublishHeadersTests
{
    private readonly Exchanges _exchanges = new();
    private readonly PublishStream _stream;
    private ulong _sequence;

    public PublishHeadersTests() => _stream = new PublishStream(router: _exchanges);

    [Fact]
    public void Message_carries_priority_and_time_and_whether_a_queue_must_look_into_it()
    {
        _exchanges.Queue("q");
        (MessageProperties? Properties, MessageTraits Traits, byte Priority)[] cases =
        [
            (null, MessageTraits.None, 0),
            (new() { ContentType = "a/b", ReplyTo = "r", CorrelationId = "c", Type = "t", AppId = "a", Timestamp = DateTimeOffset.UnixEpoch }, MessageTraits.None, 0),
            (new() { Priority = 200 }, MessageTraits.None, 200),
            (new() { MessageId = "m" }, MessageTraits.Special, 0),
            (new() { Expiration = TimeSpan.FromSeconds(1) }, MessageTraits.Special, 0),
            (new() { GroupKey = "g" }, MessageTraits.Special, 0),
            (new() { Delay = TimeSpan.FromSeconds(1), Priority = 7 }, MessageTraits.Special, 7),
            (new() { Headers = FieldTable.Of(("h", 1L)) }, MessageTraits.None, 0),
            (new() { Headers = FieldTable.Of(("x-delay", 1L)) }, MessageTraits.None, 0), // no delayed exchange
        ];
        foreach (var (properties, traits, priority) in cases)
        {
            Assert.Null(_stream.Publish(++_sequence, "q", exchange: "", properties: properties, now: 1_700_000_000_000 + (long)_sequence));
            var meta = Assert.Single(Assert.Single(_stream.Batches()).Messages.ToArray()).Meta;
            Assert.Equal(new MessageMeta(traits, priority, 1_700_000_000_000 + (long)_sequence), meta);
        }
    }

    [Fact]
    public void Copies_go_to_the_queues_of_all_keys_and_keep_CC_and_lose_BCC()
    {
        _exchanges.Queue("a", "b", "c");
        var headers = FieldTable.Of(("first", "1"), ("BCC", FieldValue.List("c")), ("CC", FieldValue.List("b", "b")));
        Publish("a", new() { MessageId = "m", Headers = headers });
        var batches = _stream.Batches();
        Assert.Equal(["a", "b", "c"], batches.Select(b => b.Queue));
        var expected = TestMessages.Encoded("", "a", "body", new() { MessageId = "m", Headers = FieldTable.Of(("first", "1"), ("CC", FieldValue.List("b", "b"))) });
        Assert.All(batches, b => Assert.Equal(expected, b.Messages.Span[0].Bytes.ToArray()));
        Assert.Equal(3 * expected.Length, _stream.Machine.OutstandingBytes);

        Publish("a", new() { Headers = FieldTable.Of(("BCC", FieldValue.List())) });
        Assert.Equal(TestMessages.Encoded("", "a", "body"), Assert.Single(_stream.Batches()).Messages.Span[0].Bytes.ToArray());
        Publish("a"); // the keys of one message are not those of the next
        Assert.Equal("a", Assert.Single(_stream.Batches()).Queue);
    }

    [Fact]
    public void Message_with_copies_to_nobody_is_unroutable_and_one_with_a_single_hit_is_not()
    {
        _exchanges.Queue("a");
        Publish("no", new() { Headers = FieldTable.Of(("CC", FieldValue.List("none"))) }, mandatory: true);
        Publish("no", new() { Headers = FieldTable.Of(("CC", FieldValue.List("none", "a"))) }, mandatory: true);
        var outcome = Assert.Single(_stream.Outcomes().Others);
        Assert.Equal((1UL, true, ErrorCode.Unroutable), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Equal("a", Assert.Single(_stream.Batches()).Queue);
    }

    public static TheoryData<string, string> BadKeys => new() { { "CC", "text" }, { "BCC", "text" }, { "CC", "number in a list" }, { "BCC", "list in a list" }, { "CC", "null" } };

    [Theory]
    [MemberData(nameof(BadKeys))]
    public void Keys_that_are_no_list_of_texts_are_refused_with_the_message_alone(string name, string what)
    {
        FieldValue value = what switch
        {
            "text" => "a",
            "number in a list" => FieldValue.List("a", 1L),
            "list in a list" => FieldValue.List(FieldValue.List("a")),
            _ => FieldValue.Null,
        };
        _exchanges.Queue("a");
        Publish("a", new() { Headers = FieldTable.Of((name, value)) });
        Publish("a");
        var outcome = Assert.Single(_stream.Outcomes().Others);
        Assert.Equal((1UL, false, ErrorCode.InvalidArgument), (outcome.Sequence, outcome.Returned, outcome.Fault.Code));
        Assert.Contains($"'{name}'", outcome.Fault.Reason, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(_stream.Batches()).Count);
    }

    [Fact]
    public void Internal_exchange_refuses_each_message_and_the_stream_goes_on()
    {
        _exchanges.Declare("inner", "fanout", isInternal: true).Bind("inner", "q").Queue("q");
        Assert.Null(_stream.Publish(1, "k", exchange: "inner"));
        Assert.Null(_stream.Publish(2, "k", exchange: "inner", mandatory: true));
        Assert.Null(_stream.Publish(3, "q", exchange: ""));
        Assert.All(_stream.Outcomes().Others, o => Assert.Equal((false, ErrorCode.AccessRefused), (o.Returned, o.Fault.Code)));
        Assert.Equal("q", Assert.Single(_stream.Batches()).Queue);
    }

    [Fact]
    public void Mandatory_counts_after_the_alternate_exchange()
    {
        _exchanges.Declare("x", "direct", arguments: ("alternate-exchange", "amq.fanout"));
        Assert.Null(_stream.Publish(1, "k", exchange: "x", mandatory: true));
        _exchanges.Bind("amq.fanout", "q");
        Assert.Null(_stream.Publish(2, "k", exchange: "x", mandatory: true));
        Assert.Equal(1UL, Assert.Single(_stream.Outcomes().Others).Sequence);
        Assert.Equal("q", Assert.Single(_stream.Batches()).Queue);
    }

    [Fact]
    public void Delayed_exchange_marks_the_message_for_those_queues_that_are_to_hold_it()
    {
        _exchanges.Declare("later", "x-delayed-message", arguments: ("x-delayed-type", "fanout")).Bind("later", "late").BindExchange("amq.fanout", "later").Bind("amq.fanout", "now");
        Publish("k", new() { Headers = FieldTable.Of(("x-delay", 500L)) }, "amq.fanout");
        var batches = _stream.Batches();
        Assert.Equal([("now", MessageTraits.None), ("late", MessageTraits.Special | MessageTraits.DelayedByHeader)], batches.Select(b => (b.Queue, b.Messages.Span[0].Traits)));
        Assert.Equal(batches[0].Messages.Span[0].Bytes, batches[1].Messages.Span[0].Bytes); // one copy all the same
    }

    [Fact]
    public void Messages_that_more_than_the_key_decides_on_are_routed_each_by_itself()
    {
        _exchanges.Bind("amq.headers", "one", "", ("h", 1L)).Bind("amq.headers", "two", "", ("h", 2L));
        _exchanges.Declare("any", "x-random").Bind("any", "one").Bind("any", "two");
        _exchanges.Declare("before", "fanout").BindExchange("before", "amq.headers");
        foreach (var exchange in new[] { "amq.headers", "before" })
        {
            foreach (var value in new[] { 1L, 2L, 1L, 3L })
            {
                Publish("same", new() { Headers = FieldTable.Of(("h", value)) }, exchange);
            }

            Assert.Equal([("one", 2), ("two", 1)], _stream.Batches().Select(b => (b.Queue, b.Count)));
        }

        for (var i = 0; i < 100; i++)
        {
            Publish("same", exchange: "any");
        }

        Assert.All(_stream.Batches(), b => Assert.InRange(b.Count, 20, 80));
    }

    [Fact]
    public void Hundred_queues_of_a_fan_out_share_one_copy_in_one_block()
    {
        for (var i = 0; i < 100; i++)
        {
            _exchanges.Bind("amq.fanout", $"q{i}");
        }

        Publish("a", exchange: "amq.fanout");
        Publish("b", exchange: "amq.fanout");
        var batches = _stream.Batches();
        Assert.Equal(100, batches.Count);
        foreach (var index in new[] { 0, 1 })
        {
            var bytes = batches[0].Messages.Span[index].Bytes;
            Assert.All(batches, b => Assert.Equal(bytes, b.Messages.Span[index].Bytes)); // equal memory: same array, same place
        }
    }

    [Fact]
    public void Publisher_of_a_vhost_sees_the_exchanges_and_queues_of_that_vhost()
    {
        _exchanges.Topology.Apply(new TopologyChange.VhostAdded(new VhostDefinition("v")));
        _exchanges.Declare(EntityName.Of("v", "x"), "fanout").Bind(EntityName.Of("v", "x"), EntityName.Of("v", "q")).Declare("y", "fanout");
        var machine = new PublishStreamMachine(_exchanges, new PublishStreamLimits(), "v");
        Assert.Null(machine.HandleOpen());
        foreach (var (sequence, exchange, key) in new[] { (1UL, "x", ""), (2UL, "", "q"), (3UL, "y", "") })
        {
            Assert.Null(machine.HandlePublish(sequence, mandatory: true, durable: false, TestMessages.Encoded(exchange, key, "")));
        }

        var (batches, outcomes) = (new List<PublishBatch>(), new List<PublishOutcome>());
        machine.TakeBatches(batches);
        machine.TakeOutcomes([], outcomes);
        Assert.Equal((EntityName.Of("v", "q"), 2), (Assert.Single(batches).Queue, batches[0].Count));
        Assert.Equal((3UL, ErrorCode.NotFound, "there is no exchange 'y'"), (Assert.Single(outcomes).Sequence, outcomes[0].Fault.Code, outcomes[0].Fault.Reason));
    }

    private void Publish(string key, MessageProperties? properties = null, string exchange = "", bool mandatory = false) =>
        Assert.Null(_stream.Publish(++_sequence, key, "body", exchange, mandatory, properties: properties));
}
