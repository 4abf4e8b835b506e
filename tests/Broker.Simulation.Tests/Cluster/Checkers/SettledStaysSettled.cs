using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>What was settled for certain is delivered no more, and is in the queue no more, whoever leads it from then on.</summary>
internal static class SettledStaysSettled
{
    public static void OnSettled(QueueFacts queue, MessageId id, int count) =>
        Assert.False(queue[id].Counts.Any(c => c > count), $"'{queue.Queue}': {id} was delivered again before it was settled for certain: {queue.StoryOf(id)}");

    public static void OnDelivered(QueueFacts queue, MessageId id, int count) =>
        Assert.True(queue[id].SettledAt < 0 || count < queue[id].SettledAt, $"'{queue.Queue}': {id} was settled for certain and comes again: {queue.StoryOf(id)}");

    public static void Check(QueueFacts queue, IEnumerable<MessageId> found)
    {
        var back = found.Where(id => queue[id].SettledAt >= 0).ToList();
        Assert.True(back.Count == 0, $"'{queue.Queue}': {back.Count} messages were settled for certain and are there: {string.Join("; ", back.Take(5).Select(queue.StoryOf))}");
    }
}
