namespace Broker.Client.Connections;

/// <summary>When one thing that is being recovered is tried again, and for how long.</summary>
internal sealed class RecoveryPacer(BrokerClientOptions options)
{
    private readonly Random _random = new();
    private long _since;
    private int _attempts;

    /// <summary>It works again, or has come further: patience and pauses begin anew with the next failure.</summary>
    public void Reset() => _attempts = 0;

    /// <summary>Waits before the next attempt.</summary>
    /// <returns><c>false</c>, at once, if patience is over.</returns>
    public async ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        if (_attempts == 0)
        {
            _since = options.TimeProvider.GetTimestamp();
        }

        var left = options.RecoveryPatience - options.TimeProvider.GetElapsedTime(_since);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        var pause = Pause(_attempts++, _random.NextDouble());
        await Task.Delay(pause < left ? pause : left, options.TimeProvider, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>The pause after so many attempts; many clients that lost the same node do not come back in step.</summary>
    internal TimeSpan Pause(int attempts, double random)
    {
        var full = Math.Min(options.RecoveryMinDelay.Ticks * Math.Pow(2, Math.Min(attempts, 32)), options.RecoveryMaxDelay.Ticks);
        return TimeSpan.FromTicks((long)(full * (1 - (random / 2))));
    }
}
