using Broker.Machines.Queues;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// The one confirm that is known to be wrong: a queue that refuses what it has no room for has refused a message, nobody has heard of it, and the publisher sends it again after the
/// queue has taken
/// later ones. Then the queue takes it for a repetition. To be deleted with the reason for it, as the same excuse in <see cref="Simulation.Tests.Checkers.Departures"/>.
/// </summary>
internal static class UnheardRefusals
{
    public static bool Excuse(QueueArguments queue, MessageFacts message) => queue.Overflow == OverflowBehavior.RejectPublish && message.Sends > 1;
}
