using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to declare a queue. Immutable.</summary>
public sealed record QueueOptions
{
    /// <summary>
    /// The queue and its messages are on disk and survive a restart or crash of the node, transient messages like durable ones. Default <c>true</c>;
    /// <c>false</c> keeps them in memory only: faster, and lost with the node's process.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>Only for this connection, and deleted with it. Default <c>false</c>.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Deleted when its last consumer goes. Default <c>false</c>.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Only ask whether it exists, and how it is. Default <c>false</c>.</summary>
    public bool Passive { get; init; }

    /// <summary>Arguments of the queue's features. Default: none.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal DeclareQueueFlags Flags =>
        (Durable ? DeclareQueueFlags.Durable : 0)
        | (Exclusive ? DeclareQueueFlags.Exclusive : 0)
        | (AutoDelete ? DeclareQueueFlags.AutoDelete : 0)
        | (Passive ? DeclareQueueFlags.Passive : 0);
}
