using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>
/// Which exchanges, queues and bindings exist. Declaring what exists alike and removing what does not exist both succeed, so that a client may repeat
/// its set-up; declaring it differently is refused.
/// </summary>
/// <remarks>
/// A <c>Plan*</c> call decides and changes nothing; <see cref="Apply"/> carries a change in, when it is certain. Between the two, no other plan that touches the same names may be
/// made.
/// </remarks>
public sealed class TopologyMachine
{
    private readonly Dictionary<string, Exchange> _exchanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue> _queues = new(StringComparer.Ordinal);

    private sealed class Exchange(ExchangeDefinition definition)
    {
        public ExchangeDefinition Definition { get; } = definition;

        public HashSet<Binding> Bindings { get; } = [];
    }

    private sealed class Queue(QueueDefinition definition)
    {
        public QueueDefinition Definition { get; } = definition;

        public HashSet<Binding> Bindings { get; } = [];
    }

    /// <summary>Begins with the built-in exchanges.</summary>
    public TopologyMachine()
    {
        foreach (var (name, kind) in TopologyNames.BuiltInExchanges)
        {
            _exchanges.Add(name, new Exchange(new ExchangeDefinition(name, kind)));
        }
    }

    /// <summary>Number of queues.</summary>
    public int QueueCount => _queues.Count;

    /// <summary>Whether the queue exists.</summary>
    public bool HasQueue(string name) => _queues.ContainsKey(name);

    /// <summary>The queue's definition.</summary>
    public bool TryGetQueue(string name, [MaybeNullWhen(false)] out QueueDefinition queue)
    {
        queue = _queues.GetValueOrDefault(name)?.Definition;
        return queue is not null;
    }

    /// <summary>The exchange's definition.</summary>
    public bool TryGetExchange(string name, [MaybeNullWhen(false)] out ExchangeDefinition exchange)
    {
        exchange = _exchanges.GetValueOrDefault(name)?.Definition;
        return exchange is not null;
    }

    /// <summary>Whether a binding outlives the node's process, which it does if both its ends do.</summary>
    public bool IsDurable(Binding binding) => _exchanges[binding.Exchange].Definition.Durable && _queues[binding.Queue].Definition.Durable;

    /// <summary>All exchanges, by name.</summary>
    public IEnumerable<ExchangeDefinition> Exchanges => _exchanges.Values.Select(e => e.Definition).OrderBy(e => e.Name, StringComparer.Ordinal);

    /// <summary>All queues, by name.</summary>
    public IEnumerable<QueueDefinition> Queues => _queues.Values.Select(q => q.Definition).OrderBy(q => q.Name, StringComparer.Ordinal);

    /// <summary>All bindings, by exchange, key and queue; those that the default exchange implies are not among them.</summary>
    public IEnumerable<Binding> Bindings => _exchanges.Values.SelectMany(e => Ordered(e.Bindings))
        .OrderBy(b => b.Exchange, StringComparer.Ordinal).ThenBy(b => b.RoutingKey, StringComparer.Ordinal).ThenBy(b => b.Queue, StringComparer.Ordinal);

    /// <summary>The bindings of one exchange, by key and queue.</summary>
    public IEnumerable<Binding> BindingsOf(string exchange) => _exchanges.TryGetValue(exchange, out var found) ? Ordered(found.Bindings) : [];

    /// <summary>Declares an exchange, or with <paramref name="passive"/> only asks for it.</summary>
    public TopologyPlan PlanDeclareExchange(string name, string kindName, bool durable, bool passive)
    {
        if (_exchanges.TryGetValue(name, out var existing))
        {
            return passive || Differs(existing.Definition, kindName, durable) is not { } difference
                ? TopologyPlan.Nothing
                : TopologyPlan.Refuse(new FrameFault(ErrorCode.PreconditionFailed, $"exchange '{name}' {difference}; delete it first or declare it as it is"));
        }

        if (passive)
        {
            return TopologyPlan.Refuse(NoExchange(name));
        }

        if (TopologyNames.Check("exchange", name) is { } fault)
        {
            return TopologyPlan.Refuse(fault);
        }

        return ExchangeKinds.TryParse(kindName, out var kind)
            ? TopologyPlan.Change(new TopologyChange.ExchangeAdded(new ExchangeDefinition(name, kind, durable)))
            : TopologyPlan.Refuse(new FrameFault(ErrorCode.InvalidArgument, $"exchange type '{kindName}' is unknown; use 'direct' or 'fanout'"));
    }

    /// <summary>Deletes an exchange and its bindings.</summary>
    public TopologyPlan PlanDeleteExchange(string name, bool ifUnused)
    {
        if (TopologyNames.IsBuiltIn(name))
        {
            return TopologyPlan.Refuse(new FrameFault(ErrorCode.AccessRefused, $"exchange '{name}' is built in and cannot be deleted"));
        }

        if (!_exchanges.TryGetValue(name, out var exchange))
        {
            return TopologyPlan.Nothing;
        }

        return ifUnused && exchange.Bindings.Count > 0
            ? TopologyPlan.Refuse(new FrameFault(ErrorCode.PreconditionFailed, $"exchange '{name}' has {exchange.Bindings.Count} binding(s)"))
            : TopologyPlan.Change([.. Removals(exchange.Bindings), new TopologyChange.ExchangeRemoved(name)]);
    }

    /// <summary>Declares a queue, or with <paramref name="passive"/> only asks for it.</summary>
    public TopologyPlan PlanDeclareQueue(string name, bool durable, bool passive)
    {
        if (_queues.TryGetValue(name, out var existing))
        {
            return passive || existing.Definition.Durable == durable
                ? TopologyPlan.Nothing
                : TopologyPlan.Refuse(new FrameFault(
                    ErrorCode.PreconditionFailed, $"queue '{name}' is {NameOf(existing.Definition.Durable)}, not {NameOf(durable)}; delete it first or declare it as it is"));
        }

        if (passive)
        {
            return TopologyPlan.Refuse(NoQueue(name));
        }

        return TopologyNames.Check("queue", name) is { } fault
            ? TopologyPlan.Refuse(fault)
            : TopologyPlan.Change(new TopologyChange.QueueAdded(new QueueDefinition(name, durable)));
    }

    /// <summary>Declares a queue under a name that the broker made up (see <paramref name="name"/>), which is in the reserved range.</summary>
    public TopologyPlan PlanDeclareNamedByServer(string name, bool durable)
    {
        Invariant.That(name.StartsWith(TopologyNames.ReservedPrefix, StringComparison.Ordinal) && !_queues.ContainsKey(name), "a made-up queue name is reserved and new");
        return TopologyPlan.Change(new TopologyChange.QueueAdded(new QueueDefinition(name, durable)));
    }

    /// <summary>The queue's actor has ended the queue: it and its bindings are to go. Nothing if it is not known.</summary>
    public TopologyPlan PlanQueueDeleted(string name) => _queues.TryGetValue(name, out var queue)
        ? TopologyPlan.Change([.. Removals(queue.Bindings), new TopologyChange.QueueRemoved(name)])
        : TopologyPlan.Nothing;

    /// <summary>Binds a queue to an exchange.</summary>
    public TopologyPlan PlanBind(Binding binding)
    {
        if (CheckBinding(binding) is { } fault)
        {
            return TopologyPlan.Refuse(fault);
        }

        return _exchanges[binding.Exchange].Bindings.Contains(binding) ? TopologyPlan.Nothing : TopologyPlan.Change(new TopologyChange.BindingAdded(binding));
    }

    /// <summary>Removes a binding. What is not there, be it the binding, the exchange or the queue, needs no removing.</summary>
    public TopologyPlan PlanUnbind(Binding binding)
    {
        if (binding.Exchange == TopologyNames.DefaultExchange)
        {
            return TopologyPlan.Refuse(DefaultExchangeIsFixed);
        }

        return _exchanges.TryGetValue(binding.Exchange, out var exchange) && exchange.Bindings.Contains(binding)
            ? TopologyPlan.Change(new TopologyChange.BindingRemoved(binding))
            : TopologyPlan.Nothing;
    }

    /// <summary>A change is certain.</summary>
    /// <returns><c>false</c> if it has no effect, because it was so already.</returns>
    public bool Apply(TopologyChange change)
    {
        switch (change)
        {
            case TopologyChange.ExchangeAdded c:
                return _exchanges.TryAdd(c.Exchange.Name, new Exchange(c.Exchange));
            case TopologyChange.ExchangeRemoved c:
                Invariant.That(!_exchanges.TryGetValue(c.Exchange, out var exchange) || exchange.Bindings.Count == 0, "an exchange goes after its bindings");
                return _exchanges.Remove(c.Exchange);
            case TopologyChange.QueueAdded c:
                return _queues.TryAdd(c.Queue.Name, new Queue(c.Queue));
            case TopologyChange.QueueRemoved c:
                Invariant.That(!_queues.TryGetValue(c.Queue, out var queue) || queue.Bindings.Count == 0, "a queue goes after its bindings");
                return _queues.Remove(c.Queue);
            case TopologyChange.BindingAdded c:
                return _exchanges.TryGetValue(c.Binding.Exchange, out var from) && _queues.TryGetValue(c.Binding.Queue, out var to)
                    && from.Bindings.Add(c.Binding) && to.Bindings.Add(c.Binding);
            case TopologyChange.BindingRemoved c:
                return _exchanges.TryGetValue(c.Binding.Exchange, out var source) && _queues.TryGetValue(c.Binding.Queue, out var target)
                    && source.Bindings.Remove(c.Binding) && target.Bindings.Remove(c.Binding);
            default:
                throw new UnreachableException($"topology change {change}");
        }
    }

    /// <summary>The answer for an exchange that does not exist.</summary>
    public static FrameFault NoExchange(string name) => new(ErrorCode.NotFound, $"there is no exchange '{name}'");

    /// <summary>The answer for a queue that does not exist.</summary>
    public static FrameFault NoQueue(string name) => new(ErrorCode.NotFound, $"there is no queue '{name}'");

    private static FrameFault DefaultExchangeIsFixed =>
        new(ErrorCode.AccessRefused, "the default exchange routes by queue name; it cannot be bound or unbound");

    private static string? Differs(ExchangeDefinition existing, string kindName, bool durable)
    {
        var kind = existing.Kind.NameOf();
        return kind != kindName ? $"is of type '{kind}', not '{kindName}'"
            : existing.Durable != durable && !TopologyNames.IsBuiltIn(existing.Name) ? $"is {NameOf(existing.Durable)}, not {NameOf(durable)}"
            : null;
    }

    private static string NameOf(bool durable) => durable ? "durable" : "transient";

    private FrameFault? CheckBinding(Binding binding)
    {
        if (binding.Exchange == TopologyNames.DefaultExchange)
        {
            return DefaultExchangeIsFixed;
        }

        return !_exchanges.ContainsKey(binding.Exchange) ? NoExchange(binding.Exchange) : !_queues.ContainsKey(binding.Queue) ? NoQueue(binding.Queue) : null;
    }

    private static IEnumerable<TopologyChange> Removals(HashSet<Binding> bindings) => Ordered(bindings).Select(b => new TopologyChange.BindingRemoved(b));

    private static Binding[] Ordered(HashSet<Binding> bindings) =>
        [.. bindings.OrderBy(b => b.Exchange, StringComparer.Ordinal).ThenBy(b => b.RoutingKey, StringComparer.Ordinal).ThenBy(b => b.Queue, StringComparer.Ordinal)];
}
