using Broker.Machines.Queues;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>A vhost: a space of names for exchanges and queues.</summary>
/// <param name="Name">Its name. The one named <c>/</c> is always there.</param>
/// <param name="Description">What it is for; for people.</param>
public sealed record VhostDefinition(string Name, string Description = "");

/// <summary>An exchange as declared.</summary>
/// <param name="Name">Its name with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Kind">How it routes.</param>
/// <param name="Durable">It outlives the node's process.</param>
public sealed record ExchangeDefinition(string Name, ExchangeKind Kind, bool Durable = true)
{
    /// <summary>It is deleted when the last binding from it goes.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Nobody can publish to it; messages come to it through bindings.</summary>
    public bool Internal { get; init; }

    /// <summary>How it behaves, as declared.</summary>
    public ExchangeArguments Arguments { get; init; } = ExchangeArguments.None;

    /// <summary>How it picks destinations: for a delayed exchange, as the kind that its arguments name.</summary>
    public ExchangeKind RoutesAs => Kind == ExchangeKind.Delayed ? Arguments.DelayedKind ?? ExchangeKind.Direct : Kind;
}

/// <summary>A queue as declared.</summary>
/// <param name="Name">Its name with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Durable">It outlives the node's process, and its messages with it.</param>
/// <param name="Id">Its number, which no queue ever had before: one that is deleted and declared again has another. 0 while it is only planned.</param>
public sealed record QueueDefinition(string Name, bool Durable = true, ulong Id = 0)
{
    /// <summary>The queue is deleted when its last consumer goes.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>The connection that alone may use the queue, which goes with it: the node's id, a slash, and the connection's id. Empty: everybody may.</summary>
    public string Owner { get; init; } = "";

    /// <summary>How it behaves, as declared.</summary>
    public QueueArguments Arguments { get; init; } = QueueArguments.None;
}

/// <summary>A binding: messages of <paramref name="Exchange"/> that match go to <paramref name="Destination"/>. Two that differ in anything are two bindings.</summary>
/// <param name="Exchange">The exchange, with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Destination">A queue or exchange of the same vhost, likewise.</param>
/// <param name="RoutingKey">Which messages, in the terms of the exchange's kind.</param>
/// <param name="Kind">What the destination is.</param>
public sealed record Binding(string Exchange, string Destination, string RoutingKey, DestinationKind Kind = DestinationKind.Queue)
{
    private readonly FieldTable _arguments = FieldTable.Empty;

    /// <summary>Which messages, further. Their order does not matter: they are kept by name.</summary>
    public FieldTable Arguments
    {
        get => _arguments;
        init => _arguments = value.Count < 2 ? value : FieldTable.Of(value.OrderBy(a => a.Key, StringComparer.Ordinal));
    }
}

/// <summary>One change of what is declared. Decided by a <see cref="TopologyMachine"/>, made to last by whoever keeps it, then applied and carried out in order.</summary>
public abstract record TopologyChange
{
    private protected TopologyChange()
    {
    }

    /// <summary>A vhost is there, with its built-in exchanges.</summary>
    public sealed record VhostAdded(VhostDefinition Vhost) : TopologyChange;

    /// <summary>A vhost is gone; what was in it is gone already, but for its built-in exchanges.</summary>
    public sealed record VhostRemoved(string Vhost) : TopologyChange;

    /// <summary>An exchange is there.</summary>
    public sealed record ExchangeAdded(ExchangeDefinition Exchange) : TopologyChange;

    /// <summary>An exchange is gone; the bindings from it and to it are gone already.</summary>
    public sealed record ExchangeRemoved(string Exchange) : TopologyChange;

    /// <summary>A queue is there.</summary>
    public sealed record QueueAdded(QueueDefinition Queue) : TopologyChange;

    /// <summary>A queue is gone; its bindings are gone already.</summary>
    public sealed record QueueRemoved(string Queue) : TopologyChange;

    /// <summary>A binding is there.</summary>
    public sealed record BindingAdded(Binding Binding) : TopologyChange;

    /// <summary>A binding is gone.</summary>
    public sealed record BindingRemoved(Binding Binding) : TopologyChange;
}

/// <summary>What a request comes to: a refusal, or changes, of which there may be none because everything is as it is to be.</summary>
/// <param name="Fault">Why it is refused; <c>null</c> if it is not.</param>
/// <param name="Changes">What is to change, in this order.</param>
public readonly record struct TopologyPlan(FrameFault? Fault, IReadOnlyList<TopologyChange> Changes)
{
    /// <summary>It is refused.</summary>
    public static TopologyPlan Refuse(FrameFault fault) => new(fault, []);

    /// <summary>It is so already.</summary>
    public static TopologyPlan Nothing => new(null, []);

    /// <summary>These changes, in this order.</summary>
    public static TopologyPlan Change(params IReadOnlyList<TopologyChange> changes) => new(null, changes);
}
