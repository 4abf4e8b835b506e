using Broker.Machines.Queues;

namespace Broker.Actors.Policies;

/// <summary>There are none.</summary>
internal sealed class NoPolicies : IQueuePolicies
{
    public static readonly NoPolicies Instance = new();

    public (QueueArguments? Policy, QueueArguments? OperatorPolicy, string Name) For(string entity, QueueKind kind) => (null, null, "");
}
