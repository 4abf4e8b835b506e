using System.Diagnostics;

namespace Broker.Transport.Tests;

/// <summary>
/// For how long this process itself got no turn. A machine that stops for a moment stops whatever a test measures too; what waits for something else leaves this alone.
/// </summary>
public sealed class MachinePauses : IAsyncDisposable
{
    private readonly PeriodicTimer _timer = new(TimeSpan.FromMilliseconds(20));
    private readonly Task _watching;
    private long _longest;

    /// <summary>Begins to watch.</summary>
    public MachinePauses() => _watching = WatchAsync();

    /// <summary>The longest so far.</summary>
    public TimeSpan Longest => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _longest)) - _timer.Period is { Ticks: > 0 } pause ? pause : TimeSpan.Zero;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _watching;
    }

    private async Task WatchAsync()
    {
        for (var before = Stopwatch.GetTimestamp(); await _timer.WaitForNextTickAsync();)
        {
            var now = Stopwatch.GetTimestamp();
            _longest = Math.Max(_longest, now - before);
            before = now;
        }
    }
}
