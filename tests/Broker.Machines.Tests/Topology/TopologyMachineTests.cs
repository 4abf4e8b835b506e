using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

public class TopologyMachineTests
{
    private readonly AppliedTopology _topology = new();

    [Fact]
    public void Built_in_exchanges_are_there_from_the_start()
    {
        ExchangeDefinition[] builtIn =
        [
            new("", ExchangeKind.Direct), new("amq.direct", ExchangeKind.Direct), new("amq.fanout", ExchangeKind.Fanout), new("amq.headers", ExchangeKind.Headers),
            new("amq.match", ExchangeKind.Headers), new("amq.topic", ExchangeKind.Topic),
        ];
        Assert.Equal(builtIn, new TopologyMachine().Exchanges);
    }

    [Fact]
    public void What_is_planned_and_not_applied_changes_nothing()
    {
        var machine = _topology.Machine;
        Assert.Single(machine.PlanDeclareQueue(new QueueDeclaration("q")).Changes);
        Assert.Single(machine.PlanDeclareQueue(new QueueDeclaration("q", Durable: false)).Changes);
        Assert.False(machine.HasQueue("q"));
        Assert.Single(machine.PlanDeclareExchange(new ExchangeDeclaration("x", "direct")).Changes);
        Assert.False(machine.TryGetExchange("x", out _));
    }

    [Fact]
    public void A_change_that_is_in_force_has_no_effect_again()
    {
        var added = new TopologyChange.QueueAdded(new QueueDefinition("q", Durable: true, 7));
        Assert.True(_topology.Machine.Apply(added));
        Assert.False(_topology.Machine.Apply(added));
        Assert.True(_topology.Machine.TryGetQueue("q", out var queue));
        Assert.Equal(7UL, queue.Id);
        Assert.True(_topology.Machine.Apply(new TopologyChange.QueueRemoved("q")));
        Assert.False(_topology.Machine.Apply(new TopologyChange.QueueRemoved("q")));
        Assert.False(_topology.Machine.Apply(new TopologyChange.BindingAdded(new Binding("amq.direct", "q", ""))));
        Assert.False(_topology.Machine.Apply(new TopologyChange.BindingRemoved(new Binding("amq.direct", "q", ""))));
    }

    [Fact]
    public void Declaring_as_durable_what_is_transient_or_the_other_way_is_refused()
    {
        Assert.Null(_topology.DeclareQueue("q", durable: true));
        Assert.Null(_topology.DeclareQueue("r", durable: false));
        Assert.Null(_topology.DeclareExchange("x", "direct", durable: false));
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeclareQueue("q", durable: false)?.Code);
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeclareQueue("r", durable: true)?.Code);
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeclareExchange("x", "direct", durable: true)?.Code);
        Assert.Null(_topology.DeclareExchange("amq.direct", "direct", durable: false)); // built in, whatever was asked for
        Assert.Null(_topology.DeclareQueue("q", passive: true, durable: false));
    }

    [Fact]
    public void A_binding_is_durable_if_both_its_ends_are()
    {
        _topology.DeclareQueue("kept", durable: true);
        _topology.DeclareQueue("passing", durable: false);
        _topology.DeclareExchange("x", "direct", durable: false);
        Assert.True(_topology.Machine.IsDurable(new Binding("amq.direct", "kept", "")));
        Assert.False(_topology.Machine.IsDurable(new Binding("amq.direct", "passing", "")));
        Assert.False(_topology.Machine.IsDurable(new Binding("x", "kept", "")));
    }

    [Fact]
    public void Declaring_an_exchange_again_alike_changes_nothing()
    {
        Assert.Null(_topology.DeclareExchange("x", "fanout", passive: false));
        Assert.Equal([new TopologyChange.ExchangeAdded(new ExchangeDefinition("x", ExchangeKind.Fanout))], _topology.Changes());
        Assert.Null(_topology.DeclareExchange("x", "fanout", passive: false));
        Assert.Null(_topology.DeclareExchange("", "direct", passive: false));
        Assert.Null(_topology.DeclareExchange("amq.fanout", "fanout", passive: false));
        Assert.Empty(_topology.Changes());
    }

    [Theory]
    [InlineData("x", "direct")]
    [InlineData("x", "topic")]
    [InlineData("", "fanout")]
    [InlineData("amq.direct", "fanout")]
    public void Declaring_an_exchange_differently_is_refused(string name, string kind)
    {
        _topology.DeclareExchange("x", "fanout", passive: false);
        _topology.Changes();
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeclareExchange(name, kind, passive: false)?.Code);
        Assert.Empty(_topology.Changes());
    }

    [Theory]
    [InlineData("x-topic")]
    [InlineData("")]
    [InlineData("Direct")]
    public void Unknown_exchange_type_is_refused(string kind)
    {
        Assert.Equal(ErrorCode.InvalidArgument, _topology.DeclareExchange("x", kind, passive: false)?.Code);
        Assert.Empty(_topology.Changes());
    }

    [Fact]
    public void Passive_declaration_only_asks()
    {
        Assert.Equal(ErrorCode.NotFound, _topology.DeclareExchange("x", "direct", passive: true)?.Code);
        Assert.Equal(ErrorCode.NotFound, _topology.DeclareQueue("q", passive: true)?.Code);
        Assert.Equal(ErrorCode.NotFound, _topology.DeclareQueue("amq.gen-1", passive: true)?.Code);
        Assert.Empty(_topology.Changes());

        _topology.DeclareExchange("x", "direct", passive: false);
        _topology.DeclareQueue("q", passive: false);
        _topology.Changes();
        Assert.Null(_topology.DeclareExchange("x", "whatever", passive: true));
        Assert.Null(_topology.DeclareQueue("q", passive: true));
        Assert.Empty(_topology.Changes());
    }

    [Fact]
    public void Declaring_a_queue_again_changes_nothing()
    {
        Assert.False(_topology.Machine.HasQueue("q"));
        Assert.Null(_topology.DeclareQueue("q", passive: false));
        Assert.Equal([new TopologyChange.QueueAdded(new QueueDefinition("q"))], _topology.Changes());
        Assert.Null(_topology.DeclareQueue("q", passive: false));
        Assert.Empty(_topology.Changes());
        Assert.True(_topology.Machine.HasQueue("q"));
        Assert.Equal(1, _topology.Machine.QueueCount);
    }

    [Fact]
    public void Queue_and_exchange_may_have_the_same_name()
    {
        Assert.Null(_topology.DeclareQueue("orders", passive: false));
        Assert.Null(_topology.DeclareExchange("orders", "fanout", passive: false));
        Assert.Null(_topology.Bind(new Binding("orders", "orders", "orders")));
        Assert.Null(_topology.DeleteExchange("orders", ifUnused: false));
        Assert.True(_topology.Machine.HasQueue("orders"));
    }

    [Fact]
    public void Server_named_queue_is_reserved_and_new()
    {
        _topology.DeclareNamedByServer("amq.gen-1");
        Assert.Equal([new TopologyChange.QueueAdded(new QueueDefinition("amq.gen-1"))], _topology.Changes());
        Assert.Null(_topology.DeclareQueue("amq.gen-1", passive: false)); // it exists
        Assert.Throws<InvariantViolationException>(() => _topology.DeclareNamedByServer("amq.gen-1"));
        Assert.Throws<InvariantViolationException>(() => _topology.DeclareNamedByServer("mine"));
        Assert.Empty(_topology.Changes());
    }

    [Fact]
    public void Binding_again_changes_nothing()
    {
        var binding = Bound("x", "q", "k");
        Assert.Null(_topology.Bind(binding));
        Assert.Empty(_topology.Changes());
        Assert.Equal([binding], _topology.Machine.Bindings);

        Assert.Null(_topology.Unbind(binding));
        Assert.Equal([new TopologyChange.BindingRemoved(binding)], _topology.Changes());
        Assert.Null(_topology.Unbind(binding));
        Assert.Empty(_topology.Changes());
        Assert.Empty(_topology.Machine.Bindings);
    }

    [Fact]
    public void Binding_needs_both_ends_and_unbinding_none()
    {
        _topology.DeclareQueue("q", passive: false);
        Assert.Equal(ErrorCode.NotFound, _topology.Bind(new Binding("x", "q", "k"))?.Code);
        Assert.Null(_topology.Unbind(new Binding("x", "q", "k")));
        Assert.Equal(ErrorCode.NotFound, _topology.Bind(new Binding("amq.direct", "other", "k"))?.Code);
        Assert.Null(_topology.Unbind(new Binding("amq.direct", "other", "k")));
        Assert.Null(_topology.Bind(new Binding("amq.direct", "q", "k")));
    }

    [Fact]
    public void Default_exchange_cannot_be_bound()
    {
        _topology.DeclareQueue("q", passive: false);
        _topology.Changes();
        Assert.Equal(ErrorCode.AccessRefused, _topology.Bind(new Binding("", "q", "k"))?.Code);
        Assert.Equal(ErrorCode.AccessRefused, _topology.Unbind(new Binding("", "q", "q"))?.Code);
        Assert.Empty(_topology.Changes());
    }

    [Theory]
    [InlineData("")]
    [InlineData("amq.direct")]
    [InlineData("amq.fanout")]
    public void Built_in_exchange_cannot_be_deleted(string name)
    {
        Assert.Equal(ErrorCode.AccessRefused, _topology.DeleteExchange(name, ifUnused: false)?.Code);
        Assert.Empty(_topology.Changes());
    }

    [Fact]
    public void Deleting_what_is_not_there_succeeds()
    {
        Assert.Null(_topology.DeleteExchange("x", ifUnused: true));
        _topology.DeleteQueue("q");
        Assert.Empty(_topology.Changes());
    }

    [Fact]
    public void Exchange_in_use_is_deleted_only_without_the_condition()
    {
        var binding = Bound("x", "q", "k");
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeleteExchange("x", ifUnused: true)?.Code);
        Assert.Empty(_topology.Changes());

        Assert.Null(_topology.DeleteExchange("x", ifUnused: false));
        Assert.Equal([new TopologyChange.BindingRemoved(binding), new TopologyChange.ExchangeRemoved("x")], _topology.Changes());
        Assert.Empty(_topology.Machine.Bindings);
    }

    [Fact]
    public void Unused_exchange_is_deleted_with_the_condition()
    {
        var binding = Bound("x", "q", "k");
        _topology.Unbind(binding);
        _topology.Changes();
        Assert.Null(_topology.DeleteExchange("x", ifUnused: true));
        Assert.Equal([new TopologyChange.ExchangeRemoved("x")], _topology.Changes());
    }

    [Fact]
    public void Bindings_go_with_their_queue()
    {
        var first = Bound("x", "q", "k1");
        var second = Bound("x", "q", "k2");
        var third = Bound("amq.fanout", "q", "");
        var other = Bound("x", "r", "k1");
        _topology.DeleteQueue("q");
        Assert.Equal(
            [new TopologyChange.BindingRemoved(third), new TopologyChange.BindingRemoved(first), new TopologyChange.BindingRemoved(second), new TopologyChange.QueueRemoved("q")],
            _topology.Changes());
        Assert.Equal([other], _topology.Machine.Bindings);
    }

    [Fact]
    public void What_comes_again_under_an_old_name_has_no_old_bindings()
    {
        Bound("x", "q", "k");
        _topology.DeleteQueue("q");
        _topology.DeclareQueue("q", passive: false);
        Assert.Empty(_topology.Machine.Bindings);
        Bound("x", "q", "k");
        _topology.DeleteExchange("x", ifUnused: false);
        _topology.DeclareExchange("x", "direct", passive: false);
        Assert.Empty(_topology.Machine.Bindings);
        Assert.Null(_topology.DeleteExchange("x", ifUnused: true));
    }

    [Fact]
    public void Lists_are_in_order_of_names()
    {
        Bound("z", "r", "k");
        Bound("b", "q", "l");
        Bound("b", "r", "k");
        Bound("B", "q", "k");
        Assert.Equal(["", "B", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic", "b", "z"], _topology.Machine.Exchanges.Select(e => e.Name));
        Assert.Equal(["q", "r"], _topology.Machine.Queues.Select(q => q.Name));
        Assert.Equal([new("B", "q", "k"), new("b", "r", "k"), new("b", "q", "l"), new Binding("z", "r", "k")], _topology.Machine.Bindings);
    }

    private Binding Bound(string exchange, string queue, string key)
    {
        var binding = new Binding(exchange, queue, key);
        Assert.Null(exchange.StartsWith("amq.", StringComparison.Ordinal) ? null : _topology.DeclareExchange(exchange, "direct", passive: false));
        Assert.Null(_topology.DeclareQueue(queue, passive: false));
        Assert.Null(_topology.Bind(binding));
        _topology.Changes();
        return binding;
    }
}
