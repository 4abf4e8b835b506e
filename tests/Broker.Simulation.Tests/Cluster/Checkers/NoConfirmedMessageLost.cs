using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// A message that was confirmed, or that any consumer has seen, is in its queue at the end, unless somebody has settled it or has had the queue purged or deleted; or it is where the
/// queue's dead
/// letters go.
/// </summary>
internal static class NoConfirmedMessageLost
{
    /// <param name="queue">What is known of the queue.</param>
    /// <param name="found">All that is in it at the end.</param>
    /// <param name="isGivenUp">Whether a message may be missing for a reason that is not told by what clients have done.</param>
    public static void Check(QueueFacts queue, IReadOnlyCollection<MessageId> found, Predicate<MessageId> isGivenUp)
    {
        var there = found.ToHashSet();
        var missing = queue.Messages
            .Where(m => (m.Value.Confirmed || m.Value.Counts.Count > 0) && !there.Contains(m.Key))
            .Where(m => m.Value is { MayBeAcknowledged: false, MayBeRejected: false, MayBePurged: false } && !isGivenUp(m.Key))
            .Select(m => m.Key).ToList();
        Assert.True(missing.Count == 0, $"'{queue.Queue}': {missing.Count} messages are lost: {string.Join("; ", missing.Take(5).Select(queue.StoryOf))}");
    }
}
