using System.Diagnostics;

namespace Broker.Transport.Tests;

/// <summary>
/// For how long this process itself got no turn. A machine that stops for a moment stops whatever a test measures too; what waits for something else leaves this alone.
/// </summary>
public sealed class MachinePauses : IAsyncDisposable
{
    private const double UnusualSeconds = 0.2;
    private readonly PeriodicTimer _timer = new(TimeSpan.FromMilliseconds(20));
    private readonly Lock _lock = new();
    private readonly Task _watching;
    private long _last = Stopwatch.GetTimestamp();
    private TimeSpan _longest;
    private TimeSpan _total;

    /// <summary>Begins to watch.</summary>
    public MachinePauses() => _watching = WatchAsync();

    /// <summary>The longest so far.</summary>
    public TimeSpan Longest
    {
        get
        {
            Look();
            return _longest;
        }
    }

    /// <summary>All that are longer than a busy machine explains, together.</summary>
    public TimeSpan Total
    {
        get
        {
            Look();
            return _total;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _watching;
    }

    private async Task WatchAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            Look();
        }
    }

    private void Look()
    {
        lock (_lock)
        {
            var now = Stopwatch.GetTimestamp();
            var pause = Stopwatch.GetElapsedTime(_last, now);
            _last = now;
            _longest = pause > _longest ? pause : _longest;
            _total += pause.TotalSeconds > UnusualSeconds ? pause : TimeSpan.Zero;
        }
    }
}
