using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>
/// Which vhosts, exchanges, queues and bindings exist. Declaring what exists alike and removing what does not exist both succeed, so that a client may repeat
/// its set-up; declaring it differently is refused. All names are with their vhost (<see cref="EntityName"/>); what clients are told has them without.
/// </summary>
/// <remarks>
/// A <c>Plan*</c> call decides and changes nothing; <see cref="Apply"/> carries a change in, when it is certain. Between the two, no other plan that touches the same names may be
/// made.
/// </remarks>
public sealed partial class TopologyMachine
{
    private readonly Dictionary<string, Exchange> _exchanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue> _queues = new(StringComparer.Ordinal);

    private sealed class Exchange(ExchangeDefinition definition)
    {
        public ExchangeDefinition Definition { get; } = definition;

        public HashSet<Binding> Bindings { get; } = [];

        /// <summary>Bindings of other exchanges, and perhaps its own, that lead to it.</summary>
        public HashSet<Binding> Inbound { get; } = [];
    }

    private sealed class Queue(QueueDefinition definition)
    {
        private static readonly HashSet<Binding> s_none = []; // nothing is ever added to it
        private HashSet<Binding>? _bindings; // made with the first: many queues are only reached by their names

        public QueueDefinition Definition { get; } = definition;

        /// <summary>The bindings to it, to be read.</summary>
        public HashSet<Binding> Bindings => _bindings ?? s_none;

        /// <summary>The same, to be changed.</summary>
        public HashSet<Binding> BindingsToChange => _bindings ??= [];
    }

    /// <summary>Begins with the vhost <c>/</c> and its built-in exchanges.</summary>
    public TopologyMachine() => AddVhost(new VhostDefinition(ProtocolInfo.DefaultVhost));

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
    public bool IsDurable(Binding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        return _exchanges[binding.Exchange].Definition.Durable
            && (binding.Kind == DestinationKind.Exchange ? _exchanges[binding.Destination].Definition.Durable : _queues[binding.Destination].Definition.Durable);
    }

    /// <summary>All exchanges, by name.</summary>
    public IEnumerable<ExchangeDefinition> Exchanges => _exchanges.Values.Select(e => e.Definition).OrderBy(e => e.Name, StringComparer.Ordinal);

    /// <summary>All queues, by name.</summary>
    public IEnumerable<QueueDefinition> Queues => _queues.Values.Select(q => q.Definition).OrderBy(q => q.Name, StringComparer.Ordinal);

    /// <summary>All bindings, by exchange, key and destination; those that the default exchange implies are not among them.</summary>
    public IEnumerable<Binding> Bindings => Ordered(_exchanges.Values.SelectMany(e => e.Bindings));

    /// <summary>The bindings from one exchange, by key and destination.</summary>
    public IEnumerable<Binding> BindingsOf(string exchange) => _exchanges.TryGetValue(exchange, out var found) ? Ordered(found.Bindings) : [];

    /// <summary>Whether an exchange has bindings to anything.</summary>
    public bool IsBound(string exchange) => _exchanges.TryGetValue(exchange, out var found) && found.Bindings.Count > 0;

    /// <summary>Whether an exchange exists that goes with its last binding.</summary>
    public bool IsAutoDelete(string exchange) => _exchanges.TryGetValue(exchange, out var found) && found.Definition.AutoDelete;

    /// <summary>Declares an exchange, or only asks for it.</summary>
    public TopologyPlan PlanDeclareExchange(ExchangeDeclaration declaration)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        var name = declaration.Name;
        if (_exchanges.TryGetValue(name, out var existing) && declaration.Passive)
        {
            return TopologyPlan.Nothing;
        }

        if (existing is null && (declaration.Passive ? NoExchange(name) : CheckNew("exchange", name)) is { } fault)
        {
            return TopologyPlan.Refuse(fault);
        }

        if (!ExchangeKinds.TryParse(declaration.Type, out var kind))
        {
            var known = string.Join(", ", ExchangeKinds.Names.Select(n => $"'{n}'"));
            return TopologyPlan.Refuse(new FrameFault(ErrorCode.InvalidArgument, $"exchange type '{declaration.Type}' is unknown; use {known}"));
        }

        if (!ExchangeArguments.TryParse(declaration.Arguments, kind, out var arguments, out var invalid))
        {
            return TopologyPlan.Refuse(invalid);
        }

        var wanted = new ExchangeDefinition(name, kind, declaration.Durable) { AutoDelete = declaration.AutoDelete, Internal = declaration.Internal, Arguments = arguments };
        return existing is null ? TopologyPlan.Change(new TopologyChange.ExchangeAdded(wanted))
            : Differs(existing.Definition, wanted) is { } difference ? TopologyPlan.Refuse(DeclaredOtherwise("exchange", name, difference))
            : TopologyPlan.Nothing;
    }

    /// <summary>Deletes an exchange, the bindings from it and to it, and what goes with those.</summary>
    /// <param name="name">The exchange.</param>
    /// <param name="ifUnused">Only if it has no bindings to anything; bindings to it do not count, as in RabbitMQ.</param>
    public TopologyPlan PlanDeleteExchange(string name, bool ifUnused)
    {
        if (TopologyNames.IsBuiltIn(name))
        {
            return TopologyPlan.Refuse(new FrameFault(ErrorCode.AccessRefused, $"exchange '{EntityName.LocalOf(name)}' is built in and cannot be deleted"));
        }

        if (!_exchanges.TryGetValue(name, out var exchange))
        {
            return TopologyPlan.Nothing;
        }

        return ifUnused && exchange.Bindings.Count > 0
            ? TopologyPlan.Refuse(new FrameFault(ErrorCode.PreconditionFailed, $"exchange '{EntityName.LocalOf(name)}' has {exchange.Bindings.Count} binding(s)"))
            : new Removal(this).Exchange(name).Plan;
    }

    /// <summary>Declares a queue, or only asks for it.</summary>
    public TopologyPlan PlanDeclareQueue(QueueDeclaration declaration)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        var name = declaration.Name;
        if (_queues.TryGetValue(name, out var existing))
        {
            if (QueueAccess.Check(name, existing.Definition.Owner, declaration.Asker) is { } locked)
            {
                return TopologyPlan.Refuse(locked);
            }

            if (declaration.Passive)
            {
                return TopologyPlan.Nothing;
            }
        }
        else if ((declaration.Passive ? NoQueue(name) : CheckNew("queue", name)) is { } fault)
        {
            return TopologyPlan.Refuse(fault);
        }

        return TryDefine(declaration, out var wanted, out var invalid) switch
        {
            false => TopologyPlan.Refuse(invalid),
            _ when existing is null => TopologyPlan.Change(new TopologyChange.QueueAdded(wanted)),
            _ => Differs(existing.Definition, wanted) is { } difference ? TopologyPlan.Refuse(DeclaredOtherwise("queue", name, difference)) : TopologyPlan.Nothing,
        };
    }

    /// <summary>Declares a queue under a name that the broker made up, which is in the reserved range.</summary>
    public TopologyPlan PlanDeclareNamedByServer(QueueDeclaration declaration)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        var name = declaration.Name;
        Invariant.That(
            EntityName.LocalOf(name).StartsWith(TopologyNames.ReservedPrefix, StringComparison.Ordinal) && !_queues.ContainsKey(name), "a made-up queue name is reserved and new");
        return CheckVhostOf(name) is { } fault ? TopologyPlan.Refuse(fault)
            : TryDefine(declaration, out var queue, out var invalid) ? TopologyPlan.Change(new TopologyChange.QueueAdded(queue))
            : TopologyPlan.Refuse(invalid);
    }

    /// <summary>The queue's actor has ended the queue: it, its bindings and what goes with those are to go. Nothing if it is not known.</summary>
    public TopologyPlan PlanQueueDeleted(string name) => _queues.ContainsKey(name) ? new Removal(this).Queue(name).Plan : TopologyPlan.Nothing;

    /// <summary>Binds a queue or an exchange to an exchange.</summary>
    /// <param name="binding">The binding.</param>
    /// <param name="asker">The connection that asks, for exclusive queues (<see cref="QueueAccess"/>).</param>
    public TopologyPlan PlanBind(Binding binding, string? asker = null)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if ((CheckEnds(binding, asker) ?? BindingRules.Check(_exchanges[binding.Exchange].Definition.RoutesAs, binding)) is { } fault)
        {
            return TopologyPlan.Refuse(fault);
        }

        return _exchanges[binding.Exchange].Bindings.Contains(binding) ? TopologyPlan.Nothing : TopologyPlan.Change(new TopologyChange.BindingAdded(binding));
    }

    /// <summary>Removes a binding, and what goes with it. What is not there, be it the binding, the exchange or the destination, needs no removing.</summary>
    /// <param name="binding">The binding.</param>
    /// <param name="asker">The connection that asks, for exclusive queues (<see cref="QueueAccess"/>).</param>
    public TopologyPlan PlanUnbind(Binding binding, string? asker = null)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if (CheckDefault(binding) is { } fixedOne)
        {
            return TopologyPlan.Refuse(fixedOne);
        }

        if (!_exchanges.TryGetValue(binding.Exchange, out var exchange) || !exchange.Bindings.Contains(binding))
        {
            return TopologyPlan.Nothing;
        }

        return binding.Kind == DestinationKind.Queue && QueueAccess.Check(binding.Destination, _queues[binding.Destination].Definition.Owner, asker) is { } locked
            ? TopologyPlan.Refuse(locked)
            : new Removal(this).Binding(binding).Plan;
    }

    /// <summary>A change is certain.</summary>
    /// <returns><c>false</c> if it has no effect, because it was so already.</returns>
    public bool Apply(TopologyChange change)
    {
        switch (change)
        {
            case TopologyChange.VhostAdded c:
                return AddVhost(c.Vhost);
            case TopologyChange.VhostRemoved c:
                return RemoveVhost(c.Vhost);
            case TopologyChange.ExchangeAdded c:
                return _exchanges.TryAdd(c.Exchange.Name, new Exchange(c.Exchange));
            case TopologyChange.ExchangeRemoved c:
                Invariant.That(
                    !_exchanges.TryGetValue(c.Exchange, out var exchange) || (exchange.Bindings.Count == 0 && exchange.Inbound.Count == 0), "an exchange goes after its bindings");
                return _exchanges.Remove(c.Exchange);
            case TopologyChange.QueueAdded c:
                return _queues.TryAdd(c.Queue.Name, new Queue(c.Queue));
            case TopologyChange.QueueRemoved c:
                Invariant.That(!_queues.TryGetValue(c.Queue, out var queue) || queue.Bindings.Count == 0, "a queue goes after its bindings");
                return _queues.Remove(c.Queue);
            case TopologyChange.BindingAdded c:
                return _exchanges.TryGetValue(c.Binding.Exchange, out var from) && Leading(c.Binding) is { } to && from.Bindings.Add(c.Binding) && to.Add(c.Binding);
            case TopologyChange.BindingRemoved c:
                return _exchanges.TryGetValue(c.Binding.Exchange, out var source) && source.Bindings.Remove(c.Binding) && Leading(c.Binding)!.Remove(c.Binding);
            default:
                throw new UnreachableException($"topology change {change}");
        }
    }

    /// <summary>The answer for an exchange that does not exist.</summary>
    public static FrameFault NoExchange(string name) => new(ErrorCode.NotFound, $"there is no exchange '{EntityName.LocalOf(name)}'");

    /// <summary>The answer for a queue that does not exist.</summary>
    public static FrameFault NoQueue(string name) => new(ErrorCode.NotFound, $"there is no queue '{EntityName.LocalOf(name)}'");

    /// <summary>The bindings that lead to where this one does; <c>null</c> if nothing is there.</summary>
    private HashSet<Binding>? Leading(Binding binding) =>
        binding.Kind == DestinationKind.Exchange ? _exchanges.GetValueOrDefault(binding.Destination)?.Inbound : _queues.GetValueOrDefault(binding.Destination)?.BindingsToChange;

    private static IEnumerable<Binding> Ordered(IEnumerable<Binding> bindings) => bindings
        .OrderBy(b => b.Exchange, StringComparer.Ordinal).ThenBy(b => b.RoutingKey, StringComparer.Ordinal).ThenBy(b => b.Destination, StringComparer.Ordinal)
        .ThenBy(b => b.Kind).ThenBy(b => b.Arguments.Count == 0 ? "" : b.Arguments.ToString(), StringComparer.Ordinal);
}
