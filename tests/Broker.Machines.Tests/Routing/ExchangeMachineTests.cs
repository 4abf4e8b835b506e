using Broker.Machines.Routing;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Routing;

public class ExchangeMachineTests
{
    private readonly ExchangeMachine _direct = new(ExchangeKind.Direct);
    private readonly ExchangeMachine _fanout = new(ExchangeKind.Fanout);

    [Fact]
    public void Direct_exchange_routes_by_the_exact_key()
    {
        _direct.HandleBind("q1", "k");
        _direct.HandleBind("q2", "k");
        _direct.HandleBind("q3", "K");
        var routes = _direct.Snapshot();
        Assert.Equal(["q1", "q2"], routes.Route("k"));
        Assert.Equal(["q3"], routes.Route("K"));
        Assert.Empty(routes.Route(""));
        Assert.Empty(routes.Route("k "));
    }

    [Fact]
    public void Fanout_exchange_routes_to_each_queue_once_whatever_the_keys()
    {
        _fanout.HandleBind("q1", "a");
        _fanout.HandleBind("q2", "");
        _fanout.HandleBind("q1", "b");
        Assert.Equal(["q1", "q2"], _fanout.Snapshot().Route("anything"));
        Assert.Equal(3, _fanout.BindingCount);

        Assert.True(_fanout.HandleUnbind("q1", "a"));
        Assert.Equal(["q1", "q2"], _fanout.Snapshot().Route(""));
        Assert.True(_fanout.HandleUnbind("q1", "b"));
        Assert.Equal(["q2"], _fanout.Snapshot().Route(""));
    }

    [Theory]
    [InlineData(ExchangeKind.Direct)]
    [InlineData(ExchangeKind.Fanout)]
    public void Binding_and_unbinding_twice_changes_nothing(ExchangeKind kind)
    {
        var exchange = new ExchangeMachine(kind);
        Assert.Equal(kind, exchange.Kind);
        Assert.True(exchange.HandleBind("q", "k"));
        Assert.False(exchange.HandleBind("q", "k"));
        Assert.Equal(1, exchange.BindingCount);
        Assert.False(exchange.HandleUnbind("q", "other"));
        Assert.False(exchange.HandleUnbind("other", "k"));
        Assert.True(exchange.HandleUnbind("q", "k"));
        Assert.False(exchange.HandleUnbind("q", "k"));
        Assert.Equal(0, exchange.BindingCount);
        Assert.Empty(exchange.Snapshot().Route("k"));
    }

    [Theory]
    [InlineData(ExchangeKind.Direct)]
    [InlineData(ExchangeKind.Fanout)]
    public void Snapshot_stays_as_it_was_taken(ExchangeKind kind)
    {
        var exchange = new ExchangeMachine(kind);
        exchange.HandleBind("q1", "k");
        var before = exchange.Snapshot();
        exchange.HandleBind("q2", "k");
        exchange.HandleUnbind("q1", "k");
        Assert.Equal(["q1"], before.Route("k"));
        Assert.Equal(["q2"], exchange.Snapshot().Route("k"));
    }

    [Fact]
    public void Binding_one_more_queue_to_a_large_direct_exchange_is_cheap()
    {
        for (var i = 0; i < 20_000; i++)
        {
            _direct.HandleBind($"q{i}", $"k{i}");
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        _direct.HandleBind("one more", "its key");
        _direct.HandleUnbind("one more", "its key");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000); // an array of all queues has 160,000
    }

    [Theory]
    [InlineData(ExchangeKind.Direct)]
    [InlineData(ExchangeKind.Fanout)]
    public void Routes_follow_from_the_bindings_that_stand(ExchangeKind kind) => RandomHistories.Check(
        1_000,
        100,
        random => (Bind: random.Next(3) > 0, Queue: $"q{random.Next(5)}", Key: $"k{random.Next(4)}"),
        steps =>
        {
            var exchange = new ExchangeMachine(kind);
            var bindings = new List<(string Queue, string Key)>();
            foreach (var (bind, queue, key) in steps)
            {
                if (bind)
                {
                    Assert.Equal(!bindings.Contains((queue, key)), exchange.HandleBind(queue, key));
                    bindings.Remove((queue, key));
                    bindings.Add((queue, key));
                }
                else
                {
                    Assert.Equal(bindings.Remove((queue, key)), exchange.HandleUnbind(queue, key));
                }

                Assert.Equal(bindings.Count, exchange.BindingCount);
                var routes = exchange.Snapshot();
                foreach (var k in (string[])["k0", "k1", "k2", "k3", "k4"])
                {
                    var route = routes.Route(k);
                    Same.Sequence(route.Distinct(), route);
                    Same.Sequence(bindings.Where(b => kind == ExchangeKind.Fanout || b.Key == k).Select(b => b.Queue).Distinct().Order(), route.Order());
                }
            }
        });
}
