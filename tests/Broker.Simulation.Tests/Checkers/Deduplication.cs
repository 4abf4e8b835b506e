namespace Broker.Simulation.Tests.Checkers;

/// <summary>Of messages with the same message id, a queue that deduplicates takes one in a window, and confirms the others.</summary>
internal static class Deduplication
{
    /// <summary>Whether the queue may not have taken a message, because it had taken one with its message id before.</summary>
    public static bool MayRepeat(QueueHistory queue, MessageId id, MessageFate fate) =>
        queue.Arguments.DeduplicationWindow is { } window
        && fate.Properties?.MessageId is { } text
        && queue.Fates.Any(f => f.Key != id && f.Value is { Refused: false } other && other.Properties?.MessageId == text
            && other.SentAt <= (fate.TakenBy ?? long.MaxValue) && fate.SentAgainAt - (other.TakenBy ?? long.MaxValue) < window);

    /// <summary>None was taken that should not have been, and of each id one was.</summary>
    /// <param name="queue">The queue, after all that was in it was delivered.</param>
    public static void Check(QueueHistory queue)
    {
        if (queue.Arguments.DeduplicationWindow is not { } window)
        {
            return;
        }

        foreach (var same in queue.Fates.Where(f => f.Value.Properties?.MessageId is not null).GroupBy(f => f.Value.Properties!.MessageId))
        {
            var taken = same.Where(f => f.Value.Position > 0).OrderBy(f => f.Value.Position).ToList();
            foreach (var (first, second) in taken.Zip(taken.Skip(1)))
            {
                Assert.False(
                    second.Value.TakenBy - first.Value.SentAt < window,
                    $"'{queue.Name}': two messages with the id '{same.Key}' were taken within {window} ms: {queue.StoryOf(first.Key)}; {queue.StoryOf(second.Key)}");
            }

            var isLost = same.Any(f => f.Value.Confirmed) && taken.Count == 0 && same.All(f => f.Value is { MaySettle: false, MayReject: false })
                && !same.Any(f => Departures.MayHaveExpired(queue, f.Value));
            Assert.False(isLost, $"'{queue.Name}': of the messages with the id '{same.Key}' none was taken: {string.Join("; ", same.Select(f => queue.StoryOf(f.Key)))}");
        }
    }
}
