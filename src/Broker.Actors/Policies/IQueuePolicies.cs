using Broker.Machines.Queues;

namespace Broker.Actors.Policies;

/// <summary>What policies say of queues. Thread-safe.</summary>
internal interface IQueuePolicies
{
    /// <summary>
    /// What is said of a queue now. When that changes, the queue's actor is told <see cref="Broker.Actors.Queues.QueueMessage.Policies"/>, if it is in the directory; so it asks once it is there.
    /// </summary>
    /// <param name="entity">The queue's name with its vhost.</param>
    /// <param name="kind">What it is.</param>
    /// <returns>What the policies say that apply to it, and the name of the one that is no operator's; <c>null</c> and empty if there is none.</returns>
    (QueueArguments? Policy, QueueArguments? OperatorPolicy, string Name) For(string entity, QueueKind kind);
}
