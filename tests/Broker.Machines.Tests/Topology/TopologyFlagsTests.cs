using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

/// <summary>Flags and arguments of exchanges and queues, bindings between exchanges, and what goes by itself.</summary>
public class TopologyFlagsTests
{
    private readonly AppliedTopology _topology = new();

    public static TheoryData<string, string> ExchangeDifferences => new()
    {
        { "type", "is of type 'fanout', not 'direct'" },
        { "durable", "is durable, not transient" },
        { "auto-delete", "is for good, not auto-delete" },
        { "internal", "is for publishers, not internal" },
        { "alternate", "has 'alternate-exchange' \"a\", not \"b\"" },
        { "no alternate", "has 'alternate-exchange' \"a\", not none" },
    };

    [Theory]
    [MemberData(nameof(ExchangeDifferences))]
    public void Exchange_declared_differently_is_refused_with_what_differs(string what, string difference)
    {
        var declared = new ExchangeDeclaration("x", "fanout") { Arguments = FieldTable.Of(("alternate-exchange", "a")) };
        Assert.Null(_topology.Declare(declared));
        Assert.Null(_topology.Declare(declared));
        var fault = _topology.Declare(what switch
        {
            "type" => declared with { Type = "direct" },
            "durable" => declared with { Durable = false },
            "auto-delete" => declared with { AutoDelete = true },
            "internal" => declared with { Internal = true },
            "alternate" => declared with { Arguments = FieldTable.Of(("alternate-exchange", "b")) },
            _ => declared with { Arguments = FieldTable.Empty },
        });
        Assert.Equal((ErrorCode.PreconditionFailed, $"exchange 'x' {difference}; delete it first or declare it as it is"), (fault!.Value.Code, fault.Value.Reason));
    }

    public static TheoryData<string, string> QueueDifferences => new()
    {
        { "durable", "is durable, not transient" },
        { "auto-delete", "is for good, not auto-delete" },
        { "exclusive", "is for everybody, not exclusive" },
        { "other limit", "has 'x-max-length' 5, not 6" },
        { "no limit", "has 'x-max-length' 5, not none" },
        { "ttl", "has no 'x-message-ttl', not 0" },
        { "log", "has 'x-queue-type' \"queue\", not \"log\"" },
        { "overflow", "has 'x-overflow' \"drop-head\", not \"reject-publish\"" },
    };

    [Theory]
    [MemberData(nameof(QueueDifferences))]
    public void Queue_declared_differently_is_refused_with_what_differs(string what, string difference)
    {
        var declared = new QueueDeclaration("q") { Arguments = FieldTable.Of(("x-max-length", 5L)), Asker = "n/1" };
        Assert.Null(_topology.Declare(declared));
        var fault = _topology.Declare(what switch
        {
            "durable" => declared with { Durable = false },
            "auto-delete" => declared with { AutoDelete = true },
            "exclusive" => declared with { Exclusive = true },
            "other limit" => declared with { Arguments = FieldTable.Of(("x-max-length", 6L)) },
            "no limit" => declared with { Arguments = FieldTable.Empty },
            "ttl" => declared with { Arguments = FieldTable.Of(("x-max-length", 5L), ("x-message-ttl", 0L)) },
            "log" => declared with { Arguments = FieldTable.Of(("x-queue-type", "stream")) },
            _ => declared with { Arguments = FieldTable.Of(("x-max-length", 5L), ("x-overflow", "reject-publish")) },
        });
        Assert.Equal((ErrorCode.PreconditionFailed, $"queue 'q' {difference}; delete it first or declare it as it is"), (fault!.Value.Code, fault.Value.Reason));
    }

    [Fact]
    public void Saying_what_holds_anyway_is_no_difference()
    {
        Assert.Null(_topology.Declare(new QueueDeclaration("q")));
        var said = FieldTable.Of(
            ("x-queue-type", "quorum"), ("x-overflow", "drop-head"), ("x-single-active-consumer", false), ("x-retry-backoff", "none"), ("x-message-groups", false), ("x-conflate", false),
            ("x-queue-mode", "lazy"), ("x-quorum-initial-group-size", 5L));
        Assert.Null(_topology.Declare(new QueueDeclaration("q") { Arguments = said }));
    }

    [Theory]
    [InlineData("x-max-length", -1L, "an integer, 0 or more")]
    [InlineData("x-no-such", 1L, "unknown")]
    public void Wrong_arguments_are_refused_by_name(string name, long value, string wanted)
    {
        var fault = _topology.Declare(new QueueDeclaration("q") { Arguments = FieldTable.Of((name, value)) });
        Assert.Equal(ErrorCode.InvalidArgument, fault?.Code);
        Assert.Contains($"'{name}'", fault?.Reason, StringComparison.Ordinal);
        Assert.Contains(wanted, fault?.Reason, StringComparison.Ordinal);
        Assert.False(_topology.Machine.HasQueue("q"));
        fault = _topology.Declare(new ExchangeDeclaration("x", "direct") { Arguments = FieldTable.Of((name, value)) });
        Assert.Equal(ErrorCode.InvalidArgument, fault?.Code);
    }

    [Fact]
    public void Log_is_for_everybody_and_for_good()
    {
        var log = new QueueDeclaration("q") { Arguments = FieldTable.Of(("x-queue-type", "log")), Asker = "n/1" };
        Assert.Equal(ErrorCode.InvalidArgument, _topology.Declare(log with { Exclusive = true })?.Code);
        Assert.Equal(ErrorCode.InvalidArgument, _topology.Declare(log with { AutoDelete = true })?.Code);
        Assert.Null(_topology.Declare(log));
        Assert.Null(_topology.Declare(log with { Arguments = FieldTable.Of(("x-queue-type", "stream")) }));
        Assert.Null(_topology.Declare(log with { Name = "in memory", Durable = false }));
    }

    [Fact]
    public void Exclusive_queue_is_locked_to_all_but_its_connection_and_the_broker()
    {
        var queue = new QueueDeclaration("q") { Exclusive = true, Asker = "n/1" };
        Assert.Equal(ErrorCode.InvalidArgument, _topology.Declare(queue with { Asker = null })?.Code);
        Assert.Null(_topology.Declare(queue));
        Assert.True(_topology.Machine.TryGetQueue("q", out var definition));
        Assert.Equal("n/1", definition.Owner);
        Assert.Null(_topology.Declare(queue));
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.Declare(queue with { Exclusive = false })?.Code);
        var binding = new Binding("amq.direct", "q", "k");
        foreach (var other in new[] { "n/2", "m/1", "" })
        {
            Assert.Equal(ErrorCode.ResourceLocked, _topology.Declare(queue with { Asker = other })?.Code);
            Assert.Equal(ErrorCode.ResourceLocked, _topology.Declare(queue with { Asker = other, Passive = true })?.Code);
            Assert.Equal(ErrorCode.ResourceLocked, _topology.Machine.PlanBind(binding, other).Fault?.Code);
        }

        Assert.Null(_topology.Apply(_topology.Machine.PlanBind(binding, "n/1")));
        Assert.Equal(ErrorCode.ResourceLocked, _topology.Machine.PlanUnbind(binding, "n/2").Fault?.Code);
        Assert.Null(_topology.Machine.PlanUnbind(binding, asker: null).Fault);
        Assert.Null(_topology.Apply(_topology.Machine.PlanUnbind(binding, "n/1")));
    }

    [Fact]
    public void Exchange_is_bound_to_exchanges_and_queues_of_one_name_alike()
    {
        _topology.DeclareExchange("x", "fanout");
        _topology.DeclareExchange("y", "fanout");
        _topology.DeclareQueue("y");
        _topology.Changes();
        var (toQueue, toExchange) = (new Binding("x", "y", ""), new Binding("x", "y", "", DestinationKind.Exchange));
        Assert.Null(_topology.Bind(toQueue));
        Assert.Null(_topology.Bind(toExchange));
        Assert.Equal([toQueue, toExchange], _topology.Machine.Bindings);
        Assert.True(_topology.Machine.IsDurable(toExchange));
        Assert.Null(_topology.Unbind(toQueue));
        Assert.Equal([toExchange], _topology.Machine.BindingsOf("x"));
    }

    [Fact]
    public void Default_exchange_is_no_destination_and_others_must_exist()
    {
        Assert.Equal(ErrorCode.AccessRefused, _topology.Bind(new Binding("amq.fanout", "", "", DestinationKind.Exchange))?.Code);
        Assert.Equal(ErrorCode.AccessRefused, _topology.Unbind(new Binding("amq.fanout", "", "", DestinationKind.Exchange))?.Code);
        Assert.Equal(ErrorCode.NotFound, _topology.Bind(new Binding("amq.fanout", "x", "", DestinationKind.Exchange))?.Code);
        Assert.Null(_topology.Bind(new Binding("amq.fanout", "amq.fanout", "", DestinationKind.Exchange)));
    }

    [Fact]
    public void Bindings_to_an_exchange_go_with_it_and_do_not_count_as_its_use()
    {
        _topology.DeclareExchange("x", "fanout");
        Assert.Null(_topology.Bind(new Binding("amq.fanout", "x", "", DestinationKind.Exchange)));
        Assert.Null(_topology.Bind(new Binding("x", "x", "", DestinationKind.Exchange)));
        Assert.Equal(ErrorCode.PreconditionFailed, _topology.DeleteExchange("x", ifUnused: true)?.Code);
        Assert.Null(_topology.Unbind(new Binding("x", "x", "", DestinationKind.Exchange)));
        Assert.Null(_topology.DeleteExchange("x", ifUnused: true));
        Assert.Empty(_topology.Machine.Bindings);
    }

    [Fact]
    public void Auto_delete_exchange_goes_with_its_last_binding_whoever_takes_it()
    {
        foreach (var how in new[] { "unbind", "queue", "exchange" })
        {
            _topology.Declare(new ExchangeDeclaration("x", "fanout") { AutoDelete = true });
            _topology.DeclareExchange("y", "fanout");
            _topology.DeclareQueue("q");
            Assert.True(Has("x")); // never bound
            _topology.Bind(new Binding("amq.fanout", "x", "", DestinationKind.Exchange)); // to it: does not keep it
            _topology.Bind(new Binding("x", "q", "1"));
            _topology.Bind(new Binding("x", how == "exchange" ? "y" : "q", "2", how == "exchange" ? DestinationKind.Exchange : DestinationKind.Queue));
            _topology.Unbind(new Binding("x", "q", "1"));
            Assert.True(Has("x"));
            Assert.Null(how switch
            {
                "unbind" => _topology.Unbind(new Binding("x", "q", "2")),
                "queue" => _topology.DeleteQueue("q"),
                _ => _topology.DeleteExchange("y", ifUnused: false),
            });
            Assert.False(Has("x"), how);
            Assert.Empty(_topology.Machine.Bindings);
        }
    }

    [Fact]
    public void Chain_of_auto_delete_exchanges_goes_as_a_whole_however_long()
    {
        const int Length = 20_000;
        for (var i = 0; i < Length; i++)
        {
            _topology.Declare(new ExchangeDeclaration($"x{i}", "fanout") { AutoDelete = true });
            Assert.Null(i == 0 ? null : _topology.Bind(new Binding($"x{i - 1}", $"x{i}", "", DestinationKind.Exchange)));
        }

        _topology.DeclareQueue("q");
        _topology.Bind(new Binding($"x{Length - 1}", "q", ""));
        Assert.Null(_topology.DeleteQueue("q"));
        Assert.Equal(TopologyNames.BuiltInExchanges.Count, _topology.Machine.Exchanges.Count());
        Assert.Empty(_topology.Machine.Bindings);
    }

    [Fact]
    public void Plan_that_was_carried_out_in_part_takes_along_what_was_to_go()
    {
        _topology.Declare(new ExchangeDeclaration("x", "fanout") { AutoDelete = true });
        _topology.DeclareQueue("q");
        _topology.Bind(new Binding("x", "q", ""));
        var plan = _topology.Machine.PlanQueueDeleted("q");
        Assert.Equal(["BindingRemoved", "QueueRemoved", "ExchangeRemoved"], plan.Changes.Select(c => c.GetType().Name));
        _topology.Machine.Apply(plan.Changes[0]);
        var rest = _topology.Machine.PlanAlso(_topology.Machine.PlanQueueDeleted("q"), ["x", "amq.direct", "gone"]);
        Assert.Equal([new TopologyChange.QueueRemoved("q"), new TopologyChange.ExchangeRemoved("x")], rest.Changes);
        Assert.Equal(rest.Changes, _topology.Machine.PlanAlso(rest, ["x"]).Changes);
    }

    [Theory]
    [InlineData("x-delayed-message", "", "", "needs the argument 'x-delayed-type'")]
    [InlineData("x-delayed-message", "x-delayed-type", "x-delayed-message", "'x-delayed-type'")]
    [InlineData("x-delayed-message", "x-delayed-type", "nonsense", "'direct'")]
    [InlineData("direct", "x-delayed-type", "direct", "'x-delayed-message'")]
    [InlineData("direct", "hash-header", "h", "'x-consistent-hash'")]
    [InlineData("x-consistent-hash", "hash-property", "app_id", "correlation_id")]
    [InlineData("x-consistent-hash", "hash-header", "", "header")]
    [InlineData("x-consistent-hash", "both", "", "exclude each other")]
    public void Arguments_that_do_not_fit_the_type_are_refused(string type, string name, string value, string reason)
    {
        var arguments = name switch
        {
            "" => FieldTable.Empty,
            "both" => FieldTable.Of(("hash-header", "h"), ("hash-property", "message_id")),
            _ => FieldTable.Of((name, value)),
        };
        var fault = _topology.Declare(new ExchangeDeclaration("x", type) { Arguments = arguments });
        Assert.Equal(ErrorCode.InvalidArgument, fault?.Code);
        Assert.Contains(reason, fault?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Delayed_exchange_is_known_by_either_name_and_bound_by_the_rules_of_its_kind()
    {
        var declaration = new ExchangeDeclaration("x", "delayed") { Arguments = FieldTable.Of(("x-delayed-type", "consistent-hash"), ("hash-header", "h")) };
        Assert.Null(_topology.Declare(declaration));
        Assert.Null(_topology.Declare(declaration with { Type = "x-delayed-message" }));
        Assert.True(_topology.Machine.TryGetExchange("x", out var exchange));
        Assert.Equal((ExchangeKind.Delayed, ExchangeKind.ConsistentHash), (exchange.Kind, exchange.RoutesAs));
        _topology.DeclareQueue("q");
        Assert.Equal(ErrorCode.InvalidArgument, _topology.Bind(new Binding("x", "q", "no weight"))?.Code);
        Assert.Null(_topology.Bind(new Binding("x", "q", "5")));
    }

    private bool Has(string exchange) => _topology.Machine.TryGetExchange(exchange, out _);
}
