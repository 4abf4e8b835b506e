using System.Diagnostics;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>The monotonic clock in nanoseconds, which is the unit of ngtcp2 and of <see cref="Stopwatch"/> on Linux.</summary>
internal static class Clock
{
    /// <summary>Now.</summary>
    public static ulong Now => (ulong)Stopwatch.GetTimestamp();

    /// <summary>A duration in nanoseconds.</summary>
    public static ulong Nanoseconds(TimeSpan duration) => (ulong)duration.Ticks * 100;

    /// <summary>Nanoseconds as a duration.</summary>
    public static TimeSpan Duration(ulong nanoseconds) => TimeSpan.FromTicks((long)(nanoseconds / 100));
}
