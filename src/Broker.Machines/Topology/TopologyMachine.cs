using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>An exchange as declared.</summary>
public sealed record ExchangeDefinition(string Name, ExchangeKind Kind);

/// <summary>A queue as declared.</summary>
public sealed record QueueDefinition(string Name);

/// <summary>A binding: messages of <paramref name="Exchange"/> that match <paramref name="RoutingKey"/> go to <paramref name="Queue"/>.</summary>
public readonly record struct Binding(string Exchange, string Queue, string RoutingKey);

/// <summary>What the owner of a <see cref="TopologyMachine"/> has to carry out, in order.</summary>
public abstract record TopologyEffect
{
    private protected TopologyEffect()
    {
    }

    /// <summary>Start an exchange.</summary>
    public sealed record ExchangeAdded(ExchangeDefinition Exchange) : TopologyEffect;

    /// <summary>Stop an exchange; its bindings are gone already.</summary>
    public sealed record ExchangeRemoved(string Exchange) : TopologyEffect;

    /// <summary>Start a queue.</summary>
    public sealed record QueueAdded(QueueDefinition Queue) : TopologyEffect;

    /// <summary>A queue is gone; its bindings are gone already.</summary>
    public sealed record QueueRemoved(string Queue) : TopologyEffect;

    /// <summary>Tell the exchange of a new binding.</summary>
    public sealed record BindingAdded(Binding Binding) : TopologyEffect;

    /// <summary>Tell the exchange that a binding is gone.</summary>
    public sealed record BindingRemoved(Binding Binding) : TopologyEffect;
}

/// <summary>
/// Which exchanges, queues and bindings exist. Declaring what exists alike and removing what does not exist both succeed, so that a client may repeat
/// its set-up; declaring it differently is refused.
/// </summary>
public sealed class TopologyMachine
{
    private readonly Dictionary<string, Exchange> _exchanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue> _queues = new(StringComparer.Ordinal);
    private readonly Queue<TopologyEffect> _effects = new();

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

    /// <summary>Creates the built-in exchanges.</summary>
    public TopologyMachine()
    {
        foreach (var (name, kind) in TopologyNames.BuiltInExchanges)
        {
            Add(new ExchangeDefinition(name, kind));
        }
    }

    /// <summary>Number of queues.</summary>
    public int QueueCount => _queues.Count;

    /// <summary>Whether the queue exists.</summary>
    public bool HasQueue(string name) => _queues.ContainsKey(name);

    /// <summary>All exchanges, by name.</summary>
    public IEnumerable<ExchangeDefinition> Exchanges => _exchanges.Values.Select(e => e.Definition).OrderBy(e => e.Name, StringComparer.Ordinal);

    /// <summary>All queues, by name.</summary>
    public IEnumerable<QueueDefinition> Queues => _queues.Values.Select(q => q.Definition).OrderBy(q => q.Name, StringComparer.Ordinal);

    /// <summary>All bindings, by exchange, key and queue; those that the default exchange implies are not among them.</summary>
    public IEnumerable<Binding> Bindings => _exchanges.Values.SelectMany(e => e.Bindings)
        .OrderBy(b => b.Exchange, StringComparer.Ordinal).ThenBy(b => b.RoutingKey, StringComparer.Ordinal).ThenBy(b => b.Queue, StringComparer.Ordinal);

    /// <summary>Declares an exchange, or with <paramref name="passive"/> only asks for it.</summary>
    /// <returns><c>null</c>, or why not.</returns>
    public FrameFault? HandleDeclareExchange(string name, string kindName, bool passive)
    {
        if (_exchanges.TryGetValue(name, out var existing))
        {
            var kind = existing.Definition.Kind.NameOf();
            return passive || kind == kindName
                ? null
                : new FrameFault(ErrorCode.PreconditionFailed, $"exchange '{name}' is of type '{kind}', not '{kindName}'; delete it first or declare it as it is");
        }

        if (passive)
        {
            return NoExchange(name);
        }

        if (TopologyNames.Check("exchange", name) is { } fault)
        {
            return fault;
        }

        if (!ExchangeKinds.TryParse(kindName, out var parsed))
        {
            return new FrameFault(ErrorCode.InvalidArgument, $"exchange type '{kindName}' is unknown; use 'direct' or 'fanout'");
        }

        Add(new ExchangeDefinition(name, parsed));
        return null;
    }

    /// <summary>Deletes an exchange and its bindings.</summary>
    /// <returns><c>null</c>, or why not.</returns>
    public FrameFault? HandleDeleteExchange(string name, bool ifUnused)
    {
        if (TopologyNames.BuiltInExchanges.Any(e => e.Name == name))
        {
            return new FrameFault(ErrorCode.AccessRefused, $"exchange '{name}' is built in and cannot be deleted");
        }

        if (!_exchanges.TryGetValue(name, out var exchange))
        {
            return null;
        }

        if (ifUnused && exchange.Bindings.Count > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"exchange '{name}' has {exchange.Bindings.Count} binding(s)");
        }

        foreach (var binding in Ordered(exchange.Bindings))
        {
            Remove(binding);
        }

        _exchanges.Remove(name);
        _effects.Enqueue(new TopologyEffect.ExchangeRemoved(name));
        return null;
    }

    /// <summary>Declares a queue, or with <paramref name="passive"/> only asks for it.</summary>
    /// <returns><c>null</c>, or why not.</returns>
    public FrameFault? HandleDeclareQueue(string name, bool passive)
    {
        if (_queues.ContainsKey(name))
        {
            return null;
        }

        if (passive)
        {
            return NoQueue(name);
        }

        if (TopologyNames.Check("queue", name) is { } fault)
        {
            return fault;
        }

        AddQueue(name);
        return null;
    }

    /// <summary>Declares a queue under a name that the broker made up (see <paramref name="name"/>), which is in the reserved range.</summary>
    public void HandleDeclareNamedByServer(string name)
    {
        Invariant.That(name.StartsWith(TopologyNames.ReservedPrefix, StringComparison.Ordinal) && !_queues.ContainsKey(name), "a made-up queue name is reserved and new");
        AddQueue(name);
    }

    /// <summary>The queue's actor has ended the queue: forgets it and its bindings. No effect if it is not known.</summary>
    public void HandleQueueDeleted(string name)
    {
        if (_queues.TryGetValue(name, out var queue))
        {
            foreach (var binding in Ordered(queue.Bindings))
            {
                Remove(binding);
            }

            _queues.Remove(name);
            _effects.Enqueue(new TopologyEffect.QueueRemoved(name));
        }
    }

    /// <summary>Binds a queue to an exchange.</summary>
    /// <returns><c>null</c>, or why not.</returns>
    public FrameFault? HandleBind(Binding binding)
    {
        if (CheckBinding(binding) is { } fault)
        {
            return fault;
        }

        if (_exchanges[binding.Exchange].Bindings.Add(binding))
        {
            _queues[binding.Queue].Bindings.Add(binding);
            _effects.Enqueue(new TopologyEffect.BindingAdded(binding));
        }

        return null;
    }

    /// <summary>Removes a binding. What is not there, be it the binding, the exchange or the queue, needs no removing.</summary>
    /// <returns><c>null</c>, or why not.</returns>
    public FrameFault? HandleUnbind(Binding binding)
    {
        if (binding.Exchange == TopologyNames.DefaultExchange)
        {
            return DefaultExchangeIsFixed;
        }

        if (_exchanges.TryGetValue(binding.Exchange, out var exchange) && exchange.Bindings.Contains(binding))
        {
            Remove(binding);
        }

        return null;
    }

    /// <summary>The next thing to carry out.</summary>
    public bool TryTakeEffect([MaybeNullWhen(false)] out TopologyEffect effect) => _effects.TryDequeue(out effect);

    /// <summary>The answer for an exchange that does not exist.</summary>
    public static FrameFault NoExchange(string name) => new(ErrorCode.NotFound, $"there is no exchange '{name}'");

    /// <summary>The answer for a queue that does not exist.</summary>
    public static FrameFault NoQueue(string name) => new(ErrorCode.NotFound, $"there is no queue '{name}'");

    private static FrameFault DefaultExchangeIsFixed =>
        new(ErrorCode.AccessRefused, "the default exchange routes by queue name; it cannot be bound or unbound");

    private FrameFault? CheckBinding(Binding binding)
    {
        if (binding.Exchange == TopologyNames.DefaultExchange)
        {
            return DefaultExchangeIsFixed;
        }

        return !_exchanges.ContainsKey(binding.Exchange) ? NoExchange(binding.Exchange) : !_queues.ContainsKey(binding.Queue) ? NoQueue(binding.Queue) : null;
    }

    private void Add(ExchangeDefinition exchange)
    {
        _exchanges.Add(exchange.Name, new Exchange(exchange));
        _effects.Enqueue(new TopologyEffect.ExchangeAdded(exchange));
    }

    private void AddQueue(string name)
    {
        var queue = new QueueDefinition(name);
        _queues.Add(name, new Queue(queue));
        _effects.Enqueue(new TopologyEffect.QueueAdded(queue));
    }

    private void Remove(Binding binding)
    {
        _exchanges[binding.Exchange].Bindings.Remove(binding);
        _queues[binding.Queue].Bindings.Remove(binding);
        _effects.Enqueue(new TopologyEffect.BindingRemoved(binding));
    }

    private static Binding[] Ordered(HashSet<Binding> bindings) =>
        [.. bindings.OrderBy(b => b.Exchange, StringComparer.Ordinal).ThenBy(b => b.RoutingKey, StringComparer.Ordinal).ThenBy(b => b.Queue, StringComparer.Ordinal)];
}
