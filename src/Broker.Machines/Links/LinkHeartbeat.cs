namespace Broker.Machines.Links;

/// <summary>
/// Whether the other end of a link is alive, by pings that it answers. A time for which this node itself got no turn is no silence of the other's: however late a tick comes, it counts for
/// two intervals at most, and for one if the other end was reported unreachable.
/// </summary>
/// <param name="interval">How often <see cref="HandleTick"/> is called, if nothing keeps the caller.</param>
/// <param name="limit">The silence after which the other end is suspected.</param>
/// <param name="start">Now, by the clock of the calls.</param>
public sealed class LinkHeartbeat(TimeSpan interval, TimeSpan limit, TimeSpan start)
{
    /// <summary>Intervals without an answer after which an other end that was reported unreachable is suspected.</summary>
    public const int IntervalsWhenUnreachable = 2;

    private ulong _sent;
    private ulong _answered;
    private TimeSpan _silence;
    private TimeSpan _lastTick = start;
    private TimeSpan _lastPong = start;
    private ulong _proof; // an answer to this ping or a later one disproves that the other end is unreachable; 0: nobody says so
    private int _intervalsUnreachable;

    /// <summary>Whether the other end has been silent for too long.</summary>
    public bool IsSuspect => _silence >= limit || IsGone;

    /// <summary>Whether the network says that nobody is there, and nobody has answered since: its process has ended.</summary>
    public bool IsGone => _intervalsUnreachable >= IntervalsWhenUnreachable;

    /// <summary>The longest time between two answers, by the clock.</summary>
    public TimeSpan LongestGap { get; private set; }

    /// <summary>Time for another ping.</summary>
    /// <returns>Its number.</returns>
    public ulong HandleTick(TimeSpan now)
    {
        var passed = now - _lastTick;
        if (_proof != 0 && passed >= interval / 2) // timers that catch up come in quick succession, and leave nobody the time to answer
        {
            _intervalsUnreachable++;
        }

        return Ping(passed, now);
    }

    /// <summary>
    /// The network says that nobody is there. It may be wrong, or somebody who has made it up, so it is asked once more. What was sent before may have been answered before, and does not tell.
    /// The next tick should come an interval later.
    /// </summary>
    /// <returns>The number of a ping that is to be sent at once.</returns>
    public ulong HandleUnreachable(TimeSpan now)
    {
        var ping = Ping(now - _lastTick, now);
        _proof = ping;
        _intervalsUnreachable = 0;
        return ping;
    }

    /// <summary>An answer has come. It stands for those before it, too.</summary>
    /// <returns>Whether it can be one: its ping was sent, and it or a later one was not answered before.</returns>
    public bool HandlePong(ulong number, TimeSpan now)
    {
        if (number <= _answered || number > _sent)
        {
            return false;
        }

        _answered = number;
        _silence = TimeSpan.Zero;
        if (number >= _proof)
        {
            _proof = 0;
            _intervalsUnreachable = 0;
        }

        if (now - _lastPong > LongestGap)
        {
            LongestGap = now - _lastPong;
        }

        _lastPong = now;
        return true;
    }

    private ulong Ping(TimeSpan passed, TimeSpan now)
    {
        _silence += passed < interval * 2 ? passed : interval * 2;
        _lastTick = now;
        return ++_sent;
    }
}
