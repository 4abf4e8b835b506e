using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>Properties of a message that a queue acts on.</summary>
/// <param name="MessageId">Its id; <c>null</c> if it has none.</param>
/// <param name="Expiration">Milliseconds that it may wait; <c>null</c> if it does not say.</param>
/// <param name="GroupKey">Its group; <c>null</c> if it has none.</param>
/// <param name="Delay">Milliseconds that it is to be held back.</param>
internal readonly record struct MessageFacts(string? MessageId, long? Expiration, string? GroupKey, long Delay)
{
    /// <summary>The header that counts where the delay property is absent: that of RabbitMQ's plugin.</summary>
    private const string DelayHeader = "x-delay";

    /// <summary>Bits of the set of properties that a message begins with (docs/protocol.md, section 5.2).</summary>
    [Flags]
    internal enum Wanted : ulong
    {
        None = 0,
        MessageId = 1 << 2,
        Expiration = 1 << 8,
        GroupKey = 1 << 10,
        Delay = (1 << 11) | (1 << 12), // it may be a header
    }

    /// <summary>Looks into a message, if it has any of the properties that are wanted, and its bytes are here.</summary>
    public static MessageFacts Of(in StoredMessage message, Wanted wanted)
    {
        if ((message.Traits & MessageTraits.Special) == 0 || !message.IsLoaded
            || !MessageView.TryParse(message.Bytes.Span, out var view, out _)
            || !Varint.TryRead(view.Properties, out var present, out _) || ((Wanted)present & wanted) == 0
            || !MessageProperties.TryRead(view.Properties, out var properties, out _))
        {
            return default;
        }

        var group = string.IsNullOrEmpty(properties.GroupKey) ? null : properties.GroupKey;
        var id = string.IsNullOrEmpty(properties.MessageId) ? null : properties.MessageId;
        return new MessageFacts(id, (long?)properties.Expiration?.TotalMilliseconds, group, DelayOf(properties));
    }

    private static long DelayOf(MessageProperties properties)
    {
        if (properties.Delay is { } delay)
        {
            return (long)delay.TotalMilliseconds;
        }

        return properties.Headers.TryGetValue(DelayHeader, out var value) && value.AsInteger() is { } header ? Math.Clamp(header, 0, (long)ProtocolLimits.MaxDurationMs) : 0;
    }
}
