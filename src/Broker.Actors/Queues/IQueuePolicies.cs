using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>What policies say of one queue.</summary>
/// <param name="Name">The policy that applies; empty if none does.</param>
/// <param name="Arguments">What it says; <c>null</c> if none applies.</param>
/// <param name="OperatorName">The operator policy that applies; empty if none does.</param>
/// <param name="OperatorArguments">What it says; <c>null</c> if none applies.</param>
internal readonly record struct QueuePolicy(string Name, QueueArguments? Arguments, string OperatorName, QueueArguments? OperatorArguments)
{
    /// <summary>None applies.</summary>
    public static QueuePolicy None { get; } = new("", null, "", null);
}

/// <summary>
/// The policies in force, for queues that want to know which apply to them. Thread-safe. When they change, whoever keeps them tells the queues of this node
/// <see cref="QueueMessage.PoliciesChanged"/>, and each asks again.
/// </summary>
internal interface IQueuePolicies
{
    /// <summary>What they say of a queue.</summary>
    /// <param name="queue">As declared.</param>
    QueuePolicy PolicyFor(Machines.Topology.QueueDefinition queue);
}

/// <summary>There are none.</summary>
internal sealed class NoQueuePolicies : IQueuePolicies
{
    public static readonly NoQueuePolicies Instance = new();

    public QueuePolicy PolicyFor(Machines.Topology.QueueDefinition queue) => QueuePolicy.None;
}
