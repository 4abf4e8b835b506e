using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// A message of a queue with a dead-letter target is in the queue, or acknowledged, or at the target, and never at two of these: what was rejected for certain is at the target, what
/// was acknowledged
/// for certain is not, and nothing comes to the target that the queue may not have given up. <see cref="NothingTwice"/> sees to it that it comes there once.
/// </summary>
internal static class DeadLettersArrive
{
    /// <param name="source">The queue in which messages die.</param>
    /// <param name="target">Where they go.</param>
    /// <param name="found">What is in the queue at the end.</param>
    /// <param name="mayExpire">Whether messages die by themselves.</param>
    public static void Check(QueueFacts source, QueueFacts target, IReadOnlyCollection<MessageId> found, bool mayExpire)
    {
        var there = found.ToHashSet();
        foreach (var (id, facts) in source.Messages)
        {
            var hasArrived = target.Messages.ContainsKey(id);
            Assert.False(hasArrived && there.Contains(id), $"{id} is in its queue and at the dead-letter target: {source.StoryOf(id)}; {target.StoryOf(id)}");
            Assert.False(hasArrived && facts is { SettledAt: >= 0, WasRejected: false }, $"{id} was acknowledged and is a dead letter: {source.StoryOf(id)}; {target.StoryOf(id)}");
            Assert.True(hasArrived || facts is not { SettledAt: >= 0, WasRejected: true }, $"{id} was rejected and has not arrived at the dead-letter target: {source.StoryOf(id)}");
            Assert.True(!hasArrived || mayExpire || facts.MayBeRejected, $"{id} is a dead letter, and nobody has rejected it: {source.StoryOf(id)}");
        }
    }
}
