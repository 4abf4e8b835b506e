using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

public class TopologyMachineTests
{
    private readonly TopologyMachine _topology = new();

    public TopologyMachineTests()
    {
        Effects();
    }

    [Fact]
    public void Built_in_exchanges_are_there_from_the_start()
    {
        var topology = new TopologyMachine();
        ExchangeDefinition[] builtIn = [new("", ExchangeKind.Direct), new("amq.direct", ExchangeKind.Direct), new("amq.fanout", ExchangeKind.Fanout)];
        Assert.Equal(builtIn, topology.Exchanges);
        foreach (var exchange in builtIn)
        {
            Assert.True(topology.TryTakeEffect(out var effect));
            Assert.Equal(new TopologyEffect.ExchangeAdded(exchange), effect);
        }

        Assert.False(topology.TryTakeEffect(out _));
    }

    [Fact]
    public void Declaring_an_exchange_again_alike_changes_nothing()
    {
        Assert.Null(_topology.HandleDeclareExchange("x", "fanout", passive: false));
        Assert.Equal([new TopologyEffect.ExchangeAdded(new ExchangeDefinition("x", ExchangeKind.Fanout))], Effects());
        Assert.Null(_topology.HandleDeclareExchange("x", "fanout", passive: false));
        Assert.Null(_topology.HandleDeclareExchange("", "direct", passive: false));
        Assert.Null(_topology.HandleDeclareExchange("amq.fanout", "fanout", passive: false));
        Assert.Empty(Effects());
    }

    [Theory]
    [InlineData("x", "direct")]
    [InlineData("x", "topic")]
    [InlineData("", "fanout")]
    [InlineData("amq.direct", "fanout")]
    public void Declaring_an_exchange_differently_is_refused(string name, string kind)
    {
        _topology.HandleDeclareExchange("x", "fanout", passive: false);
        Effects();
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.HandleDeclareExchange(name, kind, passive: false)?.Code);
        Assert.Empty(Effects());
    }

    [Theory]
    [InlineData("topic")]
    [InlineData("")]
    [InlineData("Direct")]
    public void Unknown_exchange_type_is_refused(string kind)
    {
        Assert.Equal(ErrorCode.InvalidArgument, _topology.HandleDeclareExchange("x", kind, passive: false)?.Code);
        Assert.Empty(Effects());
    }

    [Fact]
    public void Passive_declaration_only_asks()
    {
        Assert.Equal(ErrorCode.NotFound, _topology.HandleDeclareExchange("x", "direct", passive: true)?.Code);
        Assert.Equal(ErrorCode.NotFound, _topology.HandleDeclareQueue("q", passive: true)?.Code);
        Assert.Equal(ErrorCode.NotFound, _topology.HandleDeclareQueue("amq.gen-1", passive: true)?.Code);
        Assert.Empty(Effects());

        _topology.HandleDeclareExchange("x", "direct", passive: false);
        _topology.HandleDeclareQueue("q", passive: false);
        Effects();
        Assert.Null(_topology.HandleDeclareExchange("x", "whatever", passive: true));
        Assert.Null(_topology.HandleDeclareQueue("q", passive: true));
        Assert.Empty(Effects());
    }

    [Fact]
    public void Declaring_a_queue_again_changes_nothing()
    {
        Assert.False(_topology.HasQueue("q"));
        Assert.Null(_topology.HandleDeclareQueue("q", passive: false));
        Assert.Equal([new TopologyEffect.QueueAdded(new QueueDefinition("q"))], Effects());
        Assert.Null(_topology.HandleDeclareQueue("q", passive: false));
        Assert.Empty(Effects());
        Assert.True(_topology.HasQueue("q"));
        Assert.Equal(1, _topology.QueueCount);
    }

    [Fact]
    public void Queue_and_exchange_may_have_the_same_name()
    {
        Assert.Null(_topology.HandleDeclareQueue("orders", passive: false));
        Assert.Null(_topology.HandleDeclareExchange("orders", "fanout", passive: false));
        Assert.Null(_topology.HandleBind(new Binding("orders", "orders", "orders")));
        Assert.Null(_topology.HandleDeleteExchange("orders", ifUnused: false));
        Assert.True(_topology.HasQueue("orders"));
    }

    [Fact]
    public void Server_named_queue_is_reserved_and_new()
    {
        _topology.HandleDeclareNamedByServer("amq.gen-1");
        Assert.Equal([new TopologyEffect.QueueAdded(new QueueDefinition("amq.gen-1"))], Effects());
        Assert.Null(_topology.HandleDeclareQueue("amq.gen-1", passive: false)); // it exists
        Assert.Throws<InvariantViolationException>(() => _topology.HandleDeclareNamedByServer("amq.gen-1"));
        Assert.Throws<InvariantViolationException>(() => _topology.HandleDeclareNamedByServer("mine"));
        Assert.Empty(Effects());
    }

    [Fact]
    public void Binding_again_changes_nothing()
    {
        var binding = Bound("x", "q", "k");
        Assert.Null(_topology.HandleBind(binding));
        Assert.Empty(Effects());
        Assert.Equal([binding], _topology.Bindings);

        Assert.Null(_topology.HandleUnbind(binding));
        Assert.Equal([new TopologyEffect.BindingRemoved(binding)], Effects());
        Assert.Null(_topology.HandleUnbind(binding));
        Assert.Empty(Effects());
        Assert.Empty(_topology.Bindings);
    }

    [Fact]
    public void Binding_needs_both_ends_and_unbinding_none()
    {
        _topology.HandleDeclareQueue("q", passive: false);
        Assert.Equal(ErrorCode.NotFound, _topology.HandleBind(new Binding("x", "q", "k"))?.Code);
        Assert.Null(_topology.HandleUnbind(new Binding("x", "q", "k")));
        Assert.Equal(ErrorCode.NotFound, _topology.HandleBind(new Binding("amq.direct", "other", "k"))?.Code);
        Assert.Null(_topology.HandleUnbind(new Binding("amq.direct", "other", "k")));
        Assert.Null(_topology.HandleBind(new Binding("amq.direct", "q", "k")));
    }

    [Fact]
    public void Default_exchange_cannot_be_bound()
    {
        _topology.HandleDeclareQueue("q", passive: false);
        Effects();
        Assert.Equal(ErrorCode.AccessRefused, _topology.HandleBind(new Binding("", "q", "k"))?.Code);
        Assert.Equal(ErrorCode.AccessRefused, _topology.HandleUnbind(new Binding("", "q", "q"))?.Code);
        Assert.Empty(Effects());
    }

    [Theory]
    [InlineData("")]
    [InlineData("amq.direct")]
    [InlineData("amq.fanout")]
    public void Built_in_exchange_cannot_be_deleted(string name)
    {
        Assert.Equal(ErrorCode.AccessRefused, _topology.HandleDeleteExchange(name, ifUnused: false)?.Code);
        Assert.Empty(Effects());
    }

    [Fact]
    public void Deleting_what_is_not_there_succeeds()
    {
        Assert.Null(_topology.HandleDeleteExchange("x", ifUnused: true));
        _topology.HandleQueueDeleted("q");
        Assert.Empty(Effects());
    }

    [Fact]
    public void Exchange_in_use_is_deleted_only_without_the_condition()
    {
        var binding = Bound("x", "q", "k");
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.HandleDeleteExchange("x", ifUnused: true)?.Code);
        Assert.Empty(Effects());

        Assert.Null(_topology.HandleDeleteExchange("x", ifUnused: false));
        Assert.Equal([new TopologyEffect.BindingRemoved(binding), new TopologyEffect.ExchangeRemoved("x")], Effects());
        Assert.Empty(_topology.Bindings);
    }

    [Fact]
    public void Unused_exchange_is_deleted_with_the_condition()
    {
        var binding = Bound("x", "q", "k");
        _topology.HandleUnbind(binding);
        Effects();
        Assert.Null(_topology.HandleDeleteExchange("x", ifUnused: true));
        Assert.Equal([new TopologyEffect.ExchangeRemoved("x")], Effects());
    }

    [Fact]
    public void Bindings_go_with_their_queue()
    {
        var first = Bound("x", "q", "k1");
        var second = Bound("x", "q", "k2");
        var third = Bound("amq.fanout", "q", "");
        var other = Bound("x", "r", "k1");
        _topology.HandleQueueDeleted("q");
        Assert.Equal(
            [new TopologyEffect.BindingRemoved(third), new TopologyEffect.BindingRemoved(first), new TopologyEffect.BindingRemoved(second), new TopologyEffect.QueueRemoved("q")],
            Effects());
        Assert.Equal([other], _topology.Bindings);
    }

    [Fact]
    public void What_comes_again_under_an_old_name_has_no_old_bindings()
    {
        Bound("x", "q", "k");
        _topology.HandleQueueDeleted("q");
        _topology.HandleDeclareQueue("q", passive: false);
        Assert.Empty(_topology.Bindings);
        Bound("x", "q", "k");
        _topology.HandleDeleteExchange("x", ifUnused: false);
        _topology.HandleDeclareExchange("x", "direct", passive: false);
        Assert.Empty(_topology.Bindings);
        Assert.Null(_topology.HandleDeleteExchange("x", ifUnused: true));
    }

    [Fact]
    public void Lists_are_in_order_of_names()
    {
        Bound("z", "r", "k");
        Bound("b", "q", "l");
        Bound("b", "r", "k");
        Bound("B", "q", "k");
        Assert.Equal(["", "B", "amq.direct", "amq.fanout", "b", "z"], _topology.Exchanges.Select(e => e.Name));
        Assert.Equal(["q", "r"], _topology.Queues.Select(q => q.Name));
        Assert.Equal([new("B", "q", "k"), new("b", "r", "k"), new("b", "q", "l"), new Binding("z", "r", "k")], _topology.Bindings);
    }

    private Binding Bound(string exchange, string queue, string key)
    {
        var binding = new Binding(exchange, queue, key);
        Assert.Null(exchange.StartsWith("amq.", StringComparison.Ordinal) ? null : _topology.HandleDeclareExchange(exchange, "direct", passive: false));
        Assert.Null(_topology.HandleDeclareQueue(queue, passive: false));
        Assert.Null(_topology.HandleBind(binding));
        Effects();
        return binding;
    }

    private List<TopologyEffect> Effects()
    {
        var effects = new List<TopologyEffect>();
        while (_topology.TryTakeEffect(out var effect))
        {
            effects.Add(effect);
        }

        return effects;
    }
}
