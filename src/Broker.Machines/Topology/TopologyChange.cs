using Broker.Machines.Queues;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>An exchange as declared.</summary>
/// <param name="Name">Its name with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Kind">How it routes.</param>
/// <param name="Durable">It outlives the node's process.</param>
public sealed record ExchangeDefinition(string Name, ExchangeKind Kind, bool Durable = true);

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

/// <summary>A binding: messages of <paramref name="Exchange"/> that match <paramref name="RoutingKey"/> go to <paramref name="Queue"/>.</summary>
public readonly record struct Binding(string Exchange, string Queue, string RoutingKey);

/// <summary>One change of what is declared. Decided by a <see cref="TopologyMachine"/>, made to last by whoever keeps it, then applied and carried out in order.</summary>
public abstract record TopologyChange
{
    private protected TopologyChange()
    {
    }

    /// <summary>An exchange is there.</summary>
    public sealed record ExchangeAdded(ExchangeDefinition Exchange) : TopologyChange;

    /// <summary>An exchange is gone; its bindings are gone already.</summary>
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
