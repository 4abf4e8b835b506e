namespace Broker.Simulation.Tests.Checkers;

/// <summary>Messages that are all ready are handed out by priority, and among equals by age.</summary>
internal static class ReadyOrder
{
    /// <param name="queue">The queue.</param>
    /// <param name="found">What one consumer got, in this order, while nothing came.</param>
    public static void Check(QueueHistory queue, IReadOnlyList<MessageId> found)
    {
        foreach (var (first, second) in found.Zip(found.Skip(1)))
        {
            var (one, other) = (PlaceOf(queue, first), PlaceOf(queue, second));
            Assert.True(one.CompareTo(other) < 0, $"'{queue.Name}': {first} comes before {second}, against their order {one}, {other}: {queue.StoryOf(first)}; {queue.StoryOf(second)}");
        }
    }

    private static (int Level, ulong Position) PlaceOf(QueueHistory queue, MessageId id)
    {
        var fate = queue.Fates[id];
        return (-Math.Min(fate.Properties?.Priority ?? 0, queue.Arguments.MaxPriority ?? 0), fate.Position);
    }
}
