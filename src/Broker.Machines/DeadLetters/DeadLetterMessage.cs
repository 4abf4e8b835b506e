using System.Buffers;
using System.Text;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.DeadLetters;

/// <summary>Where a queue's dead letters come from and go to. All names are within the queue's vhost.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Exchange">Its dead-letter exchange.</param>
/// <param name="RoutingKey">Its dead-letter routing key; <c>null</c>: messages keep their own.</param>
public readonly record struct DeadLetterRoute(string Queue, string Exchange, string? RoutingKey);

/// <summary>A message that has died, as it is published again: with the headers that RabbitMQ gives it.</summary>
public sealed class DeadLetterMessage
{
    /// <summary>How the message died, the last time first: a list of <see cref="Death"/>.</summary>
    public const string DeathsHeader = "x-death";

    private const string FirstPrefix = "x-first-death-";
    private const string LastPrefix = "x-last-death-";
    private const string CopiesHeader = "CC";
    private const string DelayHeader = "x-delay";
    private readonly DeadLetterReason _reason;
    private readonly IReadOnlyList<Death> _deaths;

    private DeadLetterMessage(StoredMessage message, string routingKey, DeadLetterReason reason, IReadOnlyList<Death> deaths)
    {
        Message = message;
        RoutingKey = routingKey;
        _reason = reason;
        _deaths = deaths;
    }

    /// <summary>The message to publish.</summary>
    public StoredMessage Message { get; }

    /// <summary>Its routing key.</summary>
    public string RoutingKey { get; }

    /// <summary>
    /// Makes the message that is published in place of the one that has died.
    /// </summary>
    /// <remarks>
    /// Expiration and delay are taken off, or they would act again wherever the message comes to; so is the header <c>x-delay</c>. If headers or properties become longer than a message may have,
    /// the oldest entries of <c>x-death</c> go, and if that does not help, the message keeps the headers that it had.
    /// </remarks>
    /// <param name="dead">The message, loaded.</param>
    /// <param name="route">Where from and where to.</param>
    /// <param name="now">When it is taken by its new queues, in milliseconds since the Unix epoch.</param>
    public static DeadLetterMessage Make(in DeadMessage dead, in DeadLetterRoute route, long now)
    {
        var stored = dead.Entry.Message;
        Invariant.That(
            MessageView.TryParse(stored.Bytes.Span, out var view, out _), "a message in a queue was checked when it came");
        Invariant.That(MessageProperties.TryRead(view.Properties, out var properties, out _), "a message's properties were checked when it came");
        var key = Encoding.UTF8.GetString(view.RoutingKey);
        var deaths = Count(properties.Headers, DeathOf(dead, route.Queue, Encoding.UTF8.GetString(view.Exchange), key, properties));
        var plain = properties with { Expiration = null, Delay = null };
        var newKey = route.RoutingKey ?? key;
        for (var kept = deaths.Count; ; kept--)
        {
            var headers = kept > 0 ? TryHeaders(properties.Headers, deaths, kept, dropCopies: route.RoutingKey is not null) : properties.Headers;
            if (headers is not null && TryEncode(route.Exchange, newKey, plain with { Headers = headers }, view.Body) is { } bytes)
            {
                return new DeadLetterMessage(new StoredMessage(bytes, MetaOf(stored.Meta, plain, now)), newKey, dead.Reason, deaths);
            }

            if (kept == 0)
            {
                // Fields without headers are never too long, so this is out of reach; were it not, the message goes as it was.
                return new DeadLetterMessage(new StoredMessage(stored.Bytes, MetaOf(stored.Meta, plain, now)), newKey, dead.Reason, deaths);
            }
        }
    }

    /// <summary>
    /// Whether the message would go round in a circle if the queue took it: it has died there before, and since then nobody has rejected it. Such a message is dropped.
    /// </summary>
    /// <param name="queue">The queue, within its vhost.</param>
    public bool IsCycle(string queue)
    {
        if (_reason == DeadLetterReason.Rejected)
        {
            return false;
        }

        foreach (var death in _deaths)
        {
            if (death.Reason == DeadLetterReason.Rejected.NameOf())
            {
                return false;
            }

            if (death.Queue == queue)
            {
                return true;
            }
        }

        return false;
    }

    private static Death DeathOf(in DeadMessage dead, string queue, string exchange, string key, MessageProperties properties) => new(
        queue, dead.Reason.NameOf(), 1, exchange, [key, .. CopiesOf(properties.Headers)], dead.At, dead.Text, (long?)properties.Expiration?.TotalMilliseconds);

    private static IEnumerable<string> CopiesOf(FieldTable headers) =>
        headers.TryGetValue(CopiesHeader, out var copies) && copies.AsList() is { } keys ? keys.Select(k => k.AsText()).OfType<string>() : [];

    /// <summary>Puts a death before the others, together with those that it repeats.</summary>
    private static List<Death> Count(FieldTable headers, Death death)
    {
        var earlier = headers.TryGetValue(DeathsHeader, out var field) && field.AsList() is { } list ? list.Select(Death.TryRead).OfType<Death>().ToList() : [];
        var same = earlier.FindIndex(d => d.Queue == death.Queue && d.Reason == death.Reason);
        if (same >= 0)
        {
            death = earlier[same] with { Count = earlier[same].Count + 1, Text = death.Text };
            earlier.RemoveAt(same);
        }

        earlier.Insert(0, death);
        return earlier;
    }

    private static FieldTable? TryHeaders(FieldTable headers, List<Death> deaths, int kept, bool dropCopies)
    {
        var last = deaths[0];
        var entries = headers
            .Where(h => h.Key is not (DeathsHeader or DelayHeader) && !(dropCopies && h.Key == CopiesHeader) && !h.Key.StartsWith(LastPrefix, StringComparison.Ordinal))
            .ToList();
        if (!headers.TryGetValue($"{FirstPrefix}reason", out _))
        {
            entries.RemoveAll(h => h.Key.StartsWith(FirstPrefix, StringComparison.Ordinal));
            Describe(entries, FirstPrefix, last);
        }

        Describe(entries, LastPrefix, last);
        entries.Add(KeyValuePair.Create(DeathsHeader, FieldValue.List([.. deaths.Take(kept).Select(d => d.ToField())])));
        try
        {
            return FieldTable.Of(entries);
        }
        catch (ArgumentException)
        {
            return null; // over a limit
        }
    }

    private static void Describe(List<KeyValuePair<string, FieldValue>> entries, string prefix, Death death)
    {
        entries.Add(KeyValuePair.Create($"{prefix}queue", (FieldValue)death.Queue));
        entries.Add(KeyValuePair.Create($"{prefix}reason", (FieldValue)death.Reason));
        entries.Add(KeyValuePair.Create($"{prefix}exchange", (FieldValue)death.Exchange));
    }

    private static byte[]? TryEncode(string exchange, string key, MessageProperties properties, ReadOnlySpan<byte> body)
    {
        try
        {
            var writer = new ArrayBufferWriter<byte>(MessageWriter.Size(exchange, key, properties, body.Length));
            MessageWriter.Write(writer, exchange, key, properties, body);
            return writer.WrittenSpan.ToArray();
        }
        catch (ArgumentException)
        {
            return null; // over a limit
        }
    }

    /// <summary>
    /// It joins its new queues now. That it has a message id does not count there: queues that know the id take messages for repetitions that have come back to them on purpose.
    /// </summary>
    private static MessageMeta MetaOf(MessageMeta meta, MessageProperties properties, long now)
    {
        var traits = (meta.Traits & MessageTraits.Durable) | (properties.GroupKey is null ? MessageTraits.None : MessageTraits.Special);
        return new MessageMeta(traits, meta.Priority, now);
    }
}
