using Broker.Machines.Routing;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Routing;

/// <summary>From exchange to exchange: bindings between them, alternates, internal and delayed ones.</summary>
public class RouteWalkTests
{
    private readonly Exchanges _exchanges = new();

    [Fact]
    public void Message_follows_bindings_between_exchanges_by_the_terms_of_each()
    {
        _exchanges.Declare("in", "topic").Declare("all", "fanout").Declare("some", "direct");
        _exchanges.BindExchange("in", "all", "log.#").BindExchange("in", "some", "*.error").Bind("all", "archive").Bind("some", "pager", "log.error").Bind("in", "direct queue", "log.*");
        Assert.Equal(["archive", "direct queue", "pager"], _exchanges.Route("in", "log.error"));
        Assert.Equal(["archive", "direct queue"], _exchanges.Route("in", "log.info"));
        Assert.Equal(["archive"], _exchanges.Route("in", "log.a.b"));
        Assert.Empty(_exchanges.Route("in", "metric.error"));
    }

    [Fact]
    public void Cycles_and_several_ways_lead_to_each_queue_once()
    {
        foreach (var exchange in new[] { "a", "b", "c" })
        {
            _exchanges.Declare(exchange, "fanout").Bind(exchange, "q").Bind(exchange, $"of {exchange}");
        }

        _exchanges.BindExchange("a", "b").BindExchange("b", "c").BindExchange("c", "a").BindExchange("a", "a").BindExchange("a", "c");
        foreach (var exchange in new[] { "a", "b", "c" })
        {
            Assert.Equal(["of a", "of b", "of c", "q"], _exchanges.Route(exchange));
        }
    }

    [Fact]
    public void Deleting_an_exchange_takes_the_bindings_to_it_along()
    {
        _exchanges.Declare("a", "fanout").Declare("b", "fanout").BindExchange("a", "b").Bind("b", "q");
        Assert.Equal(["q"], _exchanges.Route("a"));
        _exchanges.DeleteExchange("b");
        Assert.Empty(_exchanges.Topology.Bindings);
        _exchanges.Declare("b", "fanout").Bind("b", "q");
        Assert.Empty(_exchanges.Route("a"));
    }

    [Fact]
    public void What_no_binding_matches_goes_to_the_alternate_exchange_and_on_to_its_own()
    {
        _exchanges.Declare("a", "direct", arguments: ("alternate-exchange", "b")).Declare("b", "direct", arguments: ("alternate-exchange", "c")).Declare("c", "fanout");
        _exchanges.Bind("a", "qa", "a").Bind("b", "qb", "b").Bind("c", "qc");
        Assert.Equal(["qa"], _exchanges.Route("a", "a"));
        Assert.Equal(["qb"], _exchanges.Route("a", "b"));
        Assert.Equal(["qc"], _exchanges.Route("a", "c"));
        Assert.True(_exchanges.Walk.DependsOnKeyAlone);
    }

    [Fact]
    public void Alternate_exchanges_in_a_circle_and_one_that_is_not_there_lead_nowhere()
    {
        _exchanges.Declare("a", "direct", arguments: ("alternate-exchange", "b")).Declare("b", "direct", arguments: ("alternate-exchange", "a"));
        _exchanges.Declare("c", "direct", arguments: ("alternate-exchange", "gone")).Declare("d", "direct", arguments: ("alternate-exchange", "d"));
        Assert.Empty(_exchanges.Route("a", "k"));
        Assert.Empty(_exchanges.Route("c", "k"));
        Assert.Empty(_exchanges.Route("d", "k"));
    }

    /// <summary>As in RabbitMQ: the alternate is for what its own exchange does not match, and a binding to an exchange is a match.</summary>
    [Fact]
    public void Message_that_is_lost_behind_a_binding_does_not_come_back_to_the_alternate()
    {
        _exchanges.Declare("a", "fanout", arguments: ("alternate-exchange", "amq.fanout")).Declare("dead end", "direct").BindExchange("a", "dead end").Bind("amq.fanout", "q");
        Assert.Empty(_exchanges.Route("a", "k"));
        _exchanges.Declare("dead end 2", "direct", arguments: ("alternate-exchange", "amq.fanout")).BindExchange("a", "dead end 2");
        Assert.Equal(["q"], _exchanges.Route("a", "k"));
    }

    [Fact]
    public void Default_exchange_may_be_an_alternate()
    {
        _exchanges.Declare("a", "direct", arguments: ("alternate-exchange", "")).Queue("k");
        Assert.Equal(["k"], _exchanges.Route("a", "k"));
        Assert.Empty(_exchanges.Route("a", "other"));
    }

    [Fact]
    public void Policy_gives_an_alternate_to_an_exchange_that_has_none_of_its_own()
    {
        _exchanges.Declare("a", "direct").Declare("b", "direct", arguments: ("alternate-exchange", "amq.fanout")).Bind("amq.fanout", "q");
        Assert.Empty(_exchanges.Route("a", "k"));
        Assert.True(_exchanges["a"].HandleAlternate("amq.fanout"));
        Assert.False(_exchanges["a"].HandleAlternate("amq.fanout"));
        Assert.False(_exchanges["b"].HandleAlternate("other"));
        Assert.Equal(["q"], _exchanges.Route("a", "k"));
        Assert.Equal(["q"], _exchanges.Route("b", "k"));
        Assert.True(_exchanges["a"].HandleAlternate(null));
        Assert.Empty(_exchanges.Route("a", "k"));
    }

    [Fact]
    public void Internal_exchange_takes_messages_from_bindings_and_from_the_broker_alone()
    {
        _exchanges.Declare("inner", "fanout", isInternal: true).Declare("outer", "fanout", arguments: ("alternate-exchange", "inner")).Bind("inner", "q");
        Assert.Equal(RouteStatus.Internal, _exchanges.FollowTo("inner"));
        Assert.Equal(RouteStatus.NoExchange, _exchanges.FollowTo("no such"));
        Assert.Equal(["q"], _exchanges.Route("outer"));
        var message = Messages.TestMessages.Encoded("inner", "", "");
        Assert.Equal(["q"], _exchanges.Walk.FollowFromBroker("inner", "", message, draw: 1).Queues);
        Assert.Empty(_exchanges.Walk.FollowFromBroker("no such", "", message, draw: 1).Queues);
    }

    [Fact]
    public void Delayed_exchange_routes_as_the_type_that_it_names()
    {
        foreach (var (type, alias) in new[] { ("topic", "x-delayed-message"), ("direct", "delayed") })
        {
            _exchanges.Declare(type, alias, arguments: ("x-delayed-type", type)).Bind(type, "q", "a.b").Bind(type, "r", "a.*");
        }

        Assert.Equal(["q", "r"], _exchanges.Route("topic", "a.b"));
        Assert.Equal(["q"], _exchanges.Route("direct", "a.b"));
    }

    [Theory]
    [InlineData(0L, false)]
    [InlineData(-5L, false)]
    [InlineData(1L, true)]
    [InlineData(4_294_967_295L, true)]
    [InlineData(4_294_967_296L, false)]
    public void Delay_counts_for_queues_that_are_reached_by_a_delayed_exchange_alone(long delay, bool delays)
    {
        _exchanges.Declare("later", "x-delayed-message", arguments: ("x-delayed-type", "fanout")).Declare("behind", "fanout");
        _exchanges.Bind("later", "late").Bind("later", "both").BindExchange("later", "behind").Bind("behind", "late too");
        _exchanges.BindExchange("amq.fanout", "later").Bind("amq.fanout", "both").Bind("amq.fanout", "now");
        var properties = new MessageProperties { Headers = FieldTable.Of(("x-delay", delay)) };
        var all = _exchanges.Follow("amq.fanout", "", properties);
        Assert.Equal(4, all.Queues.Length);
        Assert.Equal(delays ? ["both", "now"] : ["both", "late", "late too", "now"], all.Queues[..all.AtOnce].Order());
        var direct = _exchanges.Follow("later", "", properties);
        Assert.Equal((3, delays ? 0 : 3), (direct.Queues.Length, direct.AtOnce));
        Assert.Equal(3, _exchanges.Follow("later").AtOnce);
    }

    [Fact]
    public void Further_keys_are_routed_like_the_first()
    {
        _exchanges.Queue("q1", "q2", "q3").Bind("amq.direct", "q1", "a").Bind("amq.direct", "q2", "b").Bind("amq.topic", "q1", "a.*").Bind("amq.topic", "q2", "*.b");
        (string, FieldValue)[] copies = [("CC", FieldValue.List("b", "q2", "x.b", "a")), ("BCC", FieldValue.List("q3"))];
        Assert.Equal(["q1", "q2"], _exchanges.Route("amq.direct", "a", copies));
        Assert.Equal(["q1", "q2", "q3"], _exchanges.Route("", "q1", copies));
        Assert.Equal(["q1", "q2"], _exchanges.Route("amq.topic", "a.a", copies));
        Assert.Equal(["q2"], _exchanges.Route("amq.topic", "none", copies));
    }

    [Fact]
    public void Default_exchange_of_each_vhost_leads_to_its_own_queues()
    {
        _exchanges.Queue("q");
        _exchanges.Topology.Apply(new TopologyChange.VhostAdded(new VhostDefinition("v")));
        _exchanges.Queue(EntityName.Of("v", "p"));
        Assert.Equal(["q"], _exchanges.Route("", "q"));
        Assert.Empty(_exchanges.Route("", "p"));
        Assert.Equal([EntityName.Of("v", "p")], _exchanges.Route(EntityName.Of("v", ""), "p"));
        Assert.Empty(_exchanges.Route("", EntityName.Of("v", "p"))); // a key that looks like another vhost's queue
        Assert.Empty(_exchanges.Route(EntityName.Of("v", ""), "q"));
    }

    /// <summary>Fanout exchanges and queues, bound at random, against what can be reached.</summary>
    [Fact]
    public void Walk_finds_what_can_be_reached() => RandomHistories.Check(
        10_000,
        40,
        random => (Bind: random.Next(4) > 0, From: random.Next(5), To: random.Next(9)),
        steps =>
        {
            var exchanges = new Exchanges();
            for (var i = 0; i < 5; i++)
            {
                exchanges.Declare($"x{i}", "fanout");
            }

            var edges = new HashSet<(int From, int To)>();
            foreach (var (bind, from, to) in steps)
            {
                var binding = new Binding($"x{from}", to < 5 ? $"x{to}" : $"q{to}", "", to < 5 ? DestinationKind.Exchange : DestinationKind.Queue);
                if (!bind)
                {
                    exchanges.Unbind(binding);
                    edges.Remove((from, to));
                }
                else
                {
                    _ = to < 5 ? exchanges.BindExchange(binding.Exchange, binding.Destination) : exchanges.Bind(binding.Exchange, binding.Destination);
                    edges.Add((from, to));
                }
            }

            for (var start = 0; start < 5; start++)
            {
                var reached = new HashSet<int> { start };
                while (edges.Any(e => reached.Contains(e.From) && reached.Add(e.To)))
                {
                }

                Same.Sequence(reached.Where(n => n >= 5).Select(n => $"q{n}").Order(StringComparer.Ordinal), exchanges.Route($"x{start}"));
            }
        });
}
