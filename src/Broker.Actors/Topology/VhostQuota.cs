using Broker.Actors.Access;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>How many queues a vhost may have. Nodes of a cluster that declare at the same time may come to a few more, as in RabbitMQ.</summary>
internal static class VhostQuota
{
    /// <summary>Refuses what would be one queue too many.</summary>
    /// <param name="plan">What was decided.</param>
    /// <param name="access">The limits.</param>
    /// <param name="machine">What is declared.</param>
    /// <param name="underWay">Queues that other requests are about to declare.</param>
    public static TopologyPlan Bound(TopologyPlan plan, AccessDirectory access, TopologyMachine machine, IEnumerable<string> underWay)
    {
        if (plan.Changes is not [TopologyChange.QueueAdded { Queue.Name: var name }] || access.LimitsOfVhost(EntityName.VhostOf(name)) is not { MaxQueues: not null } limits)
        {
            return plan;
        }

        var others = underWay.Where(q => EntityName.VhostOf(q) == limits.Vhost && q != name && !machine.HasQueue(q)).Distinct(StringComparer.Ordinal).Count();
        return limits.CheckQueue(EntityName.LocalOf(name), machine.QueueCountOf(limits.Vhost) + others) is { } fault ? TopologyPlan.Refuse(fault) : plan;
    }
}
