using Broker.Machines.Queues;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>Why a confirmed message that nobody has settled need not be in its queue any more: what the queue's settings allow, and no more than they do.</summary>
internal static class Departures
{
    /// <summary>The reason, or <c>null</c>: then the message is lost.</summary>
    public static string? Reason(QueueHistory queue, MessageId id, MessageFate fate) =>
        queue.Target is not null && fate.MayReject ? "rejected"
        : MayHaveExpired(queue, fate) ? "expired"
        : MayHaveOverflown(queue, id) || (queue.Arguments.Overflow == OverflowBehavior.RejectPublishDeadLetter && fate.Sends > 1) ? "maxlen" // the refusal was not heard
        : MayHaveReturnedTooOften(queue, fate) ? "delivery_limit"
        : Deduplication.MayRepeat(queue, id, fate) ? "not taken"
        : null;

    public static bool MayHaveExpired(QueueHistory queue, MessageFate fate)
    {
        var own = fate.Properties?.Expiration?.TotalMilliseconds;
        var delay = fate.Properties?.Delay?.TotalMilliseconds ?? 0;
        return Math.Min(own ?? double.MaxValue, queue.Arguments.MessageTtl ?? double.MaxValue) is var time && queue.Now.Milliseconds >= fate.SentAt + delay + time;
    }

    /// <summary>What a queue drops for its length is the oldest, so as many as it may have came after it.</summary>
    public static bool MayHaveOverflown(QueueHistory queue, MessageId id) =>
        queue.Arguments is { MaxLength: { } length, Overflow: null or OverflowBehavior.DropHead }
        && queue.Fates.Keys.Count(other => other.Publisher != id.Publisher || other.Sequence > id.Sequence) >= length;

    public static bool MayHaveReturnedTooOften(QueueHistory queue, MessageFate fate) =>
        queue.Arguments.DeliveryLimit is >= 0 and var limit && fate.Deliveries + queue.HiddenDeliveries > limit;
}
