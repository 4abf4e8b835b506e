using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>A message that was sent once, and refused, is never in the queue.</summary>
/// <remarks>One that was sent again may have been taken the first time; its publisher has heard nothing of that, but of the refusal by who did not know yet that another node
/// leads.</remarks>
internal static class RefusedStaysOut
{
    public static void OnDelivered(QueueFacts queue, MessageId id) =>
        Assert.False(queue[id] is { Refused: true, Sends: 1 }, $"'{queue.Queue}': {id} was refused and comes: {queue.StoryOf(id)}");
}
