using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Routing;

/// <summary>Exchanges as a node has them, each declared and bound by rules that <see cref="TopologyMachine"/> checks, and where a message goes from one.</summary>
internal sealed class Exchanges : IRouter
{
    private readonly TopologyMachine _topology = new();
    private readonly Dictionary<string, ExchangeMachine> _machines = new(StringComparer.Ordinal);
    private ulong _draw;

    public Exchanges()
    {
        foreach (var exchange in _topology.Exchanges)
        {
            _machines.Add(exchange.Name, new ExchangeMachine(exchange));
        }

        Walk = new RouteWalk(this);
    }

    public long Version { get; private set; } = 1;

    public RouteWalk Walk { get; }

    public HashSet<string> LedHere { get; } = [];

    public TopologyMachine Topology => _topology;

    public ExchangeMachine this[string exchange] => _machines[exchange];

    public Exchanges Declare(string exchange, string type, bool isInternal = false, params (string Name, FieldValue Value)[] arguments)
    {
        Apply(_topology.PlanDeclareExchange(new ExchangeDeclaration(exchange, type) { Internal = isInternal, Arguments = FieldTable.Of(arguments) }));
        return this;
    }

    public Exchanges Queue(params string[] queues)
    {
        foreach (var queue in queues)
        {
            Apply(_topology.PlanDeclareQueue(new QueueDeclaration(queue)));
        }

        return this;
    }

    /// <summary>Binds a queue, which is declared if it is not there.</summary>
    public Exchanges Bind(string exchange, string queue, string key = "", params (string Name, FieldValue Value)[] arguments)
    {
        Queue(queue);
        Apply(_topology.PlanBind(new Binding(exchange, queue, key) { Arguments = FieldTable.Of(arguments) }));
        return this;
    }

    public Exchanges BindExchange(string exchange, string destination, string key = "", params (string Name, FieldValue Value)[] arguments)
    {
        Apply(_topology.PlanBind(new Binding(exchange, destination, key, DestinationKind.Exchange) { Arguments = FieldTable.Of(arguments) }));
        return this;
    }

    public void Unbind(Binding binding) => Apply(_topology.PlanUnbind(binding));

    public void DeleteExchange(string exchange) => Apply(_topology.PlanDeleteExchange(exchange, ifUnused: false));

    /// <summary>Where a message goes, in order of names.</summary>
    public string[] Route(string exchange, string key = "", params (string Name, FieldValue Value)[] headers) =>
        [.. Follow(exchange, key, headers.Length == 0 ? null : new MessageProperties { Headers = FieldTable.Of(headers) }).Queues.Order(StringComparer.Ordinal)];

    public RouteResult Follow(string exchange, string key = "", MessageProperties? properties = null)
    {
        Assert.Equal(RouteStatus.Routed, FollowTo(exchange, key, properties));
        return Walk.Result;
    }

    public RouteStatus FollowTo(string exchange, string key = "", MessageProperties? properties = null)
    {
        Assert.True(MessageView.TryParse(TestMessages.Encoded(exchange, key, "", properties), out var view, out _));
        Assert.True(RoutingHeaders.TryRead(view.Properties, out var headers, out var fault), fault.Reason);
        var message = new RoutedMessage(key, view.Properties, _draw++) { MoreKeys = headers.Keys, HasDelayHeader = headers.Delays };
        return Walk.Follow(exchange, ref message);
    }

    public bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes)
    {
        routes = _machines.GetValueOrDefault(exchange)?.Snapshot();
        return routes is not null;
    }

    public bool HasQueue(string queue) => _topology.HasQueue(queue);

    public bool IsLedHere(string queue) => LedHere.Contains(queue);

    private void Apply(TopologyPlan plan)
    {
        Assert.True(plan.Fault is null, plan.Fault?.Reason);
        foreach (var change in plan.Changes)
        {
            Assert.True(_topology.Apply(change));
            Assert.True(change switch
            {
                TopologyChange.ExchangeAdded c => _machines.TryAdd(c.Exchange.Name, new ExchangeMachine(c.Exchange)),
                TopologyChange.ExchangeRemoved c => _machines.Remove(c.Exchange),
                TopologyChange.BindingAdded c => _machines[c.Binding.Exchange].HandleBind(c.Binding),
                TopologyChange.BindingRemoved c => _machines[c.Binding.Exchange].HandleUnbind(c.Binding),
                _ => true,
            });
            Version++;
        }
    }
}
