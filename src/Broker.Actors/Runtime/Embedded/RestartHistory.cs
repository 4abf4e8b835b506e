namespace Broker.Actors.Runtime.Embedded;

/// <summary>Restarts of one child, for the limit and the back-off. Pure: time comes in as a parameter.</summary>
internal sealed class RestartHistory
{
    private int _inWindow;
    private TimeSpan _windowStart;
    private int _inRow;
    private TimeSpan _runsSince;

    /// <summary>Counts a restart. False if the strategy permits no more.</summary>
    public bool TryCount(SupervisorStrategy strategy, TimeSpan now)
    {
        if (_inWindow == 0 || (strategy.Window is { } window && now - _windowStart > window))
        {
            _inWindow = 0;
            _windowStart = now;
        }

        return ++_inWindow <= (strategy.MaxRestarts ?? int.MaxValue);
    }

    /// <summary>How long the restart that was just counted waits.</summary>
    public TimeSpan NextDelay(RestartBackoff backoff, TimeSpan now, double random)
    {
        if (now - _runsSince >= backoff.ResetAfter)
        {
            _inRow = 0;
        }

        var delay = backoff.Delay(++_inRow, random);
        _runsSince = now + delay;
        return delay;
    }
}
