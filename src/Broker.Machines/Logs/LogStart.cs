using System.Globalization;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Logs;

/// <summary>Where a reader of a log begins.</summary>
public enum LogStartKind
{
    /// <summary><c>next</c>: with what comes from now on.</summary>
    Next = 0,

    /// <summary><c>first</c>: with the oldest message that is still there.</summary>
    First = 1,

    /// <summary><c>last</c>: with the newest message.</summary>
    Last = 2,

    /// <summary>A number: with the message that has this offset, or the first after it.</summary>
    Offset = 3,

    /// <summary>A time, or how long ago: with the first message that was taken then or later.</summary>
    Time = 4,
}

/// <summary>Where a reader begins, as its argument <see cref="Argument"/> says. RabbitMQ's names, but that a time is a text, for tables have no type for it.</summary>
/// <param name="Kind">What the value is.</param>
/// <param name="Value">The offset, or milliseconds since the Unix epoch.</param>
public readonly record struct LogStart(LogStartKind Kind, long Value = 0)
{
    /// <summary>The argument of SUBSCRIBE.</summary>
    public const string Argument = "x-stream-offset";

    /// <summary>Reads the argument: <c>first</c>, <c>last</c>, <c>next</c>, an offset (0 or more), a time (ISO 8601, with Z or an offset), or how long ago (a number and Y, M, D, h, m or s).</summary>
    /// <param name="value">The argument's value.</param>
    /// <param name="now">The time, in milliseconds since the Unix epoch.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="fault">INVALID_ARGUMENT, if the answer is <c>false</c>.</param>
    public static bool TryParse(FieldValue value, long now, out LogStart start, out FrameFault fault)
    {
        fault = default;
        LogStart? parsed = value switch
        {
            _ when value.AsInteger() is >= 0 and var offset => new LogStart(LogStartKind.Offset, offset),
            _ when value.AsText() is { } text => Parse(text, now),
            _ => null,
        };
        start = parsed.GetValueOrDefault();
        if (parsed is null)
        {
            fault = new FrameFault(
                ErrorCode.InvalidArgument,
                $"argument '{Argument}' is {value}; use 'first', 'last', 'next', an offset of 0 or more, a time such as '2026-01-31T12:00:00Z', or how long ago, such as '2h' (Y, M, D, h, m, s)");
        }

        return parsed is not null;
    }

    private static LogStart? Parse(string text, long now) => text switch
    {
        "first" => new LogStart(LogStartKind.First),
        "last" => new LogStart(LogStartKind.Last),
        "next" => new LogStart(LogStartKind.Next),
        _ when QueueArguments.AgeOf(text) is { } age => new LogStart(LogStartKind.Time, Math.Max(0, now - age)),
        _ when DateTimeOffset.TryParseExact(text, s_times, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) && time.ToUnixTimeMilliseconds() >= 0 =>
            new LogStart(LogStartKind.Time, time.ToUnixTimeMilliseconds()),
        _ => null,
    };

    private static readonly string[] s_times = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK"];
}
