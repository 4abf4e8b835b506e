using Broker.Machines.Routing;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Routing;

public class ExchangeMachineTests
{
    private readonly Exchanges _exchanges = new();

    [Fact]
    public void Direct_exchange_routes_by_the_exact_key()
    {
        _exchanges.Bind("amq.direct", "q1", "k").Bind("amq.direct", "q2", "k").Bind("amq.direct", "q3", "K");
        Assert.Equal(["q1", "q2"], _exchanges.Follow("amq.direct", "k").Queues);
        Assert.Equal(["q3"], _exchanges.Route("amq.direct", "K"));
        Assert.Empty(_exchanges.Route("amq.direct", ""));
        Assert.Empty(_exchanges.Route("amq.direct", "k "));
    }

    [Fact]
    public void Fanout_exchange_routes_to_each_queue_once_whatever_the_keys()
    {
        _exchanges.Bind("amq.fanout", "q1", "a").Bind("amq.fanout", "q2", "").Bind("amq.fanout", "q1", "b");
        Assert.Equal(["q1", "q2"], _exchanges.Follow("amq.fanout", "anything").Queues);
        Assert.Equal(3, _exchanges["amq.fanout"].BindingCount);

        _exchanges.Unbind(new Binding("amq.fanout", "q1", "a"));
        Assert.Equal(["q1", "q2"], _exchanges.Route("amq.fanout"));
        _exchanges.Unbind(new Binding("amq.fanout", "q1", "b"));
        Assert.Equal(["q2"], _exchanges.Route("amq.fanout"));
    }

    [Fact]
    public void Bindings_that_differ_in_their_arguments_alone_are_two()
    {
        _exchanges.Bind("amq.direct", "q", "k").Bind("amq.direct", "q", "k", ("a", 1L), ("b", 2L)).Bind("amq.direct", "q", "k", ("b", 2L), ("a", 1L));
        Assert.Equal(2, _exchanges["amq.direct"].BindingCount);
        Assert.Equal(["q"], _exchanges.Route("amq.direct", "k"));
        _exchanges.Unbind(new Binding("amq.direct", "q", "k"));
        Assert.Equal(["q"], _exchanges.Route("amq.direct", "k"));
        _exchanges.Unbind(new Binding("amq.direct", "q", "k") { Arguments = FieldTable.Of(("b", 2L), ("a", 1L)) });
        Assert.Empty(_exchanges.Route("amq.direct", "k"));
    }

    public static TheoryData<ExchangeKind> Kinds => [.. Enum.GetValues<ExchangeKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Binding_and_unbinding_twice_changes_nothing(ExchangeKind kind)
    {
        var exchange = new ExchangeMachine(Definition(kind));
        var binding = new Binding("x", "q", "1");
        Assert.Equal(kind, exchange.Definition.Kind);
        Assert.True(exchange.HandleBind(binding));
        Assert.False(exchange.HandleBind(binding with { }));
        Assert.Equal(1, exchange.BindingCount);
        Assert.False(exchange.HandleUnbind(binding with { RoutingKey = "2" }));
        Assert.False(exchange.HandleUnbind(binding with { Destination = "other" }));
        Assert.False(exchange.HandleUnbind(binding with { Kind = DestinationKind.Exchange }));
        Assert.True(exchange.HandleUnbind(binding));
        Assert.False(exchange.HandleUnbind(binding));
        Assert.Equal(0, exchange.BindingCount);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Snapshot_stays_as_it_was_taken(ExchangeKind kind)
    {
        var exchange = new ExchangeMachine(Definition(kind));
        exchange.HandleBind(new Binding("x", "q1", "1"));
        var before = exchange.Snapshot();
        exchange.HandleBind(new Binding("x", "q2", "1"));
        exchange.HandleUnbind(new Binding("x", "q1", "1"));
        Assert.Equal(["q1"], QueuesOf(before));
        Assert.Equal(["q2"], QueuesOf(exchange.Snapshot()));
    }

    [Theory]
    [InlineData(ExchangeKind.Direct)]
    [InlineData(ExchangeKind.Topic)]
    [InlineData(ExchangeKind.Fanout)]
    [InlineData(ExchangeKind.Headers)]
    [InlineData(ExchangeKind.ConsistentHash)]
    public void Binding_one_more_queue_is_cheap_however_many_are_bound(ExchangeKind kind)
    {
        var exchange = new ExchangeMachine(Definition(kind));
        for (var i = 0; i < 20_000; i++)
        {
            exchange.HandleBind(new Binding("x", $"q{i}", kind == ExchangeKind.ConsistentHash ? "1" : $"some.key.{i}"));
        }

        var added = new Binding("x", "one more", "7");
        var before = GC.GetAllocatedBytesForCurrentThread();
        exchange.HandleBind(added);
        exchange.HandleUnbind(added);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000); // an array of all queues has 160,000
    }

    [Fact]
    public void Queues_of_one_key_stay_in_the_order_in_which_they_were_bound_first()
    {
        for (var i = 0; i < 30; i++)
        {
            _exchanges.Bind("amq.direct", $"q{i}", "k");
        }

        for (var i = 0; i < 30; i += 2)
        {
            _exchanges.Unbind(new Binding("amq.direct", $"q{i}", "k"));
        }

        _exchanges.Bind("amq.direct", "q0", "k").Bind("amq.direct", "q1", "k");
        Assert.Equal([.. Enumerable.Range(0, 15).Select(i => $"q{(2 * i) + 1}"), "q0"], _exchanges.Follow("amq.direct", "k").Queues);
    }

    /// <summary>Against a list of bindings: which match is a matter of one line for these kinds.</summary>
    [Theory]
    [InlineData(ExchangeKind.Direct)]
    [InlineData(ExchangeKind.Fanout)]
    public void Routes_follow_from_the_bindings_that_stand(ExchangeKind kind) => RandomHistories.Check(
        10_000,
        60,
        random => (Bind: random.Next(3) > 0, Queue: $"q{random.Next(12)}", Key: $"k{random.Next(4)}"),
        steps =>
        {
            var exchange = new ExchangeMachine(Definition(kind));
            var bindings = new List<(string Queue, string Key)>();
            foreach (var (bind, queue, key) in steps)
            {
                var binding = new Binding("x", queue, key);
                if (bind)
                {
                    Assert.Equal(!bindings.Contains((queue, key)), exchange.HandleBind(binding));
                    bindings.Remove((queue, key));
                    bindings.Add((queue, key));
                }
                else
                {
                    Assert.Equal(bindings.Remove((queue, key)), exchange.HandleUnbind(binding));
                }

                Assert.Equal(bindings.Count, exchange.BindingCount);
            }

            foreach (var k in (string[])["k0", "k1", "k2", "k3", "k4"])
            {
                var route = QueuesOf(exchange.Snapshot(), k);
                Same.Sequence(route.Distinct(), route);
                Same.Sequence(bindings.Where(b => kind == ExchangeKind.Fanout || b.Key == k).Select(b => b.Queue).Distinct().Order(), route.Order());
            }
        });

    private static ExchangeDefinition Definition(ExchangeKind kind) => new("x", kind)
    {
        Arguments = kind == ExchangeKind.Delayed ? new ExchangeArguments { DelayedKind = ExchangeKind.Direct } : ExchangeArguments.None,
    };

    private static List<string> QueuesOf(ExchangeRoutes routes, string key = "1")
    {
        var matches = new Matches(_ => false);
        var message = new RoutedMessage(key, default, draw: 1);
        routes.Match(ref message, matches);
        return [.. matches.Sets.SelectMany(s => s.Queues), .. matches.Singles.Select(s => s.Name)];
    }
}
