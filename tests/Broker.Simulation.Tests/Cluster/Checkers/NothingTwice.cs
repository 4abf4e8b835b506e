using Broker.Machines.Queues;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>A message is in a queue once, at one position, whoever has sent it how often; and no two of its deliveries say that they are the same one.</summary>
internal static class NothingTwice
{
    public static void OnDelivered(QueueFacts queue, MessageId id, in QueueEntry entry)
    {
        var facts = queue[id];
        Assert.True(
            facts.Position == 0 || facts.Position == entry.Position,
            $"'{queue.Queue}': {id} came at position {facts.Position} and comes at {entry.Position}, so it is there twice: {queue.StoryOf(id)}");
        Assert.True(facts.Counts.Add(entry.DeliveryCount), $"'{queue.Queue}': {id} was delivered with count {entry.DeliveryCount} before: {queue.StoryOf(id)}");
        facts.Position = entry.Position;
    }

    public static void Check(QueueFacts queue, IReadOnlyCollection<MessageId> found)
    {
        var twice = found.Count - found.Distinct().Count();
        Assert.True(twice == 0, $"'{queue.Queue}': {twice} messages are there twice");
    }
}
