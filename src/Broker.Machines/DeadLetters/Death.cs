using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.DeadLetters;

/// <summary>An entry of <c>x-death</c>: how often a message died in one queue for one reason (docs/queues.md, "Dead letters").</summary>
/// <param name="Queue">Where, within its vhost.</param>
/// <param name="Reason">The reason's name: <see cref="DeadLetterReasons.NameOf"/>.</param>
/// <param name="Count">How often; 1 or more.</param>
/// <param name="Exchange">The exchange that it had been published to when it died first.</param>
/// <param name="RoutingKeys">Its routing keys then, those of the header <c>CC</c> included.</param>
/// <param name="Time">When it died first, in milliseconds since the Unix epoch.</param>
/// <param name="Text">What the consumer said that rejected it last; empty if nothing.</param>
/// <param name="OriginalExpiration">The expiration that it had when it died first, in milliseconds; <c>null</c> if it had none.</param>
public sealed record Death(string Queue, string Reason, long Count, string Exchange, IReadOnlyList<string> RoutingKeys, long Time, string Text, long? OriginalExpiration)
{
    /// <summary>The entry as a list: queue, reason, count, exchange, routing keys, time, text, original expiration.</summary>
    public FieldValue ToField() => FieldValue.List(
        Queue,
        Reason,
        Count,
        Exchange,
        FieldValue.List([.. RoutingKeys.Select(k => (FieldValue)k)]),
        Time,
        Text,
        OriginalExpiration is { } expiration ? expiration : FieldValue.Null);

    /// <summary>Reads an entry. Anybody may write such a header, so what is no entry is passed over.</summary>
    public static Death? TryRead(FieldValue field) =>
        field.AsList() is [var queue, var reason, var count, var exchange, var keys, var time, var text, var expiration]
        && queue.AsText() is { } queueName
        && reason.AsText() is { } reasonName
        && count.AsInteger() is >= 1 and < long.MaxValue and var times
        && exchange.AsText() is { } exchangeName
        && keys.AsList() is { } keyList
        && keyList.All(k => k.AsText() is not null)
        && time.AsInteger() is { } at
        && text.AsText() is { } said
        && (expiration.Kind == FieldKind.Null || expiration.AsInteger() is not null)
            ? new Death(queueName, reasonName, times, exchangeName, [.. keyList.Select(k => k.AsText()!)], at, said, expiration.AsInteger())
            : null;
}
