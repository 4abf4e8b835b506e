using Broker.Machines.DeadLetters;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>A message is in its queue, or was acknowledged there, or is at the dead-letter target: not at two of these, and once at the target, for a reason that holds.</summary>
internal static class DeadLetterPaths
{
    /// <summary>What the dead letter says about its death.</summary>
    public static void CheckDeath(QueueHistory source, QueueHistory target, MessageId id, in StoredMessage message)
    {
        Assert.True(MessageView.TryParse(message.Bytes.Span, out var view, out _) && MessageProperties.TryRead(view.Properties, out _, out _), $"'{target.Name}': {id} cannot be read");
        _ = MessageProperties.TryRead(view.Properties, out var properties, out _);
        var deaths = properties.Headers.TryGetValue(DeadLetterMessage.DeathsHeader, out var field) ? field.AsList()?.Select(Death.TryRead).ToList() : null;
        Assert.True(deaths is [{ Count: 1 } only] && only.Queue == source.Name, $"'{target.Name}': {id} died in '{source.Name}' once and says {field}");
        var fate = source.Fates[id];
        var isAllowed = deaths![0]!.Reason switch
        {
            "rejected" => fate.MayReject,
            "expired" => Departures.MayHaveExpired(source, fate),
            "maxlen" => Departures.MayHaveOverflown(source, id) || source.Arguments.Overflow == OverflowBehavior.RejectPublishDeadLetter,
            "delivery_limit" => Departures.MayHaveReturnedTooOften(source, fate),
            _ => false,
        };
        Assert.True(isAllowed, $"'{target.Name}': {id} was dead-lettered as {deaths[0]!.Reason}, which is not so: {source.StoryOf(id)}");
    }

    /// <summary>Both queues were emptied, and nothing was on its way any more.</summary>
    /// <param name="source">Where messages died.</param>
    /// <param name="found">What was in it.</param>
    public static void Check(QueueHistory source, IReadOnlyCollection<MessageId> found)
    {
        var (target, there) = (source.Target!, found.ToHashSet());
        foreach (var (id, fate) in source.Fates.Where(f => f.Value.Source is null))
        {
            var hasArrived = target.Fates.TryGetValue(id, out var dead);
            Assert.False(hasArrived && there.Contains(id), $"{id} is in its queue and at the dead-letter target: {source.StoryOf(id)}; {target.StoryOf(id)}");
            Assert.False(hasArrived && fate is { Settled: true, Rejected: false }, $"{id} was acknowledged and is at the dead-letter target: {source.StoryOf(id)}; {target.StoryOf(id)}");
            var hasDied = fate.Rejected
                || (fate.Refused && source.Arguments.Overflow == OverflowBehavior.RejectPublishDeadLetter)
                || (fate is { Confirmed: true, MaySettle: false } && !there.Contains(id) && !Deduplication.MayRepeat(source, id, fate));
            Assert.True(!hasDied || hasArrived, $"{id} has died and is not at the dead-letter target '{target.Name}': {source.StoryOf(id)}");
            Assert.True(dead is null || dead.Position > 0, $"{id} is at the target without a place");
        }
    }
}
