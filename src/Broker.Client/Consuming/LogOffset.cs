using System.Globalization;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>Where a consumer of a log begins. Offsets count a log's messages from 0, and never change.</summary>
public readonly record struct LogOffset
{
    private readonly FieldValue _value;

    private LogOffset(FieldValue value) => _value = value;

    /// <summary>With the oldest message that is still there.</summary>
    public static LogOffset First { get; } = new(FieldValue.From("first"));

    /// <summary>With the newest message.</summary>
    public static LogOffset Last { get; } = new(FieldValue.From("last"));

    /// <summary>With the next message that comes: what is there is passed over. The default.</summary>
    public static LogOffset Next { get; } = new(FieldValue.From("next"));

    /// <summary>With the message that has this offset, or the first after it that is still there. One that is still to come is waited for.</summary>
    /// <param name="offset">0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static LogOffset At(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return new LogOffset(FieldValue.From(offset));
    }

    /// <summary>With the first message that a node took at this time or later; milliseconds count.</summary>
    /// <param name="time">Not before 1970.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is before 1970.</exception>
    public static LogOffset Since(DateTimeOffset time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, DateTimeOffset.UnixEpoch);
        return new LogOffset(FieldValue.From(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)));
    }

    /// <inheritdoc/>
    public override string ToString() => _value.Kind == FieldKind.Null ? "next" : _value.ToString();

    /// <summary>The argument's value.</summary>
    internal FieldValue ToValue() => _value.Kind == FieldKind.Null ? Next._value : _value;
}
