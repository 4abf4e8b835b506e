namespace Broker.Machines.Links;

/// <summary>
/// Whether the other end of a link is alive, by pings that it answers. A time for which this node itself got no turn is no silence of the other's: however late a tick comes, it counts for
/// two intervals at most.
/// </summary>
/// <param name="interval">How often <see cref="HandleTick"/> is called, if nothing keeps the caller.</param>
/// <param name="limit">The silence after which the other end is suspected.</param>
/// <param name="start">Now, by the clock of the calls.</param>
public sealed class LinkHeartbeat(TimeSpan interval, TimeSpan limit, TimeSpan start)
{
    private ulong _sent;
    private ulong _answered;
    private TimeSpan _silence;
    private TimeSpan _lastTick = start;
    private TimeSpan _lastPong = start;

    /// <summary>Whether the other end has been silent for too long.</summary>
    public bool IsSuspect => _silence >= limit;

    /// <summary>The longest time between two answers, by the clock.</summary>
    public TimeSpan LongestGap { get; private set; }

    /// <summary>Time for another ping.</summary>
    /// <returns>Its number.</returns>
    public ulong HandleTick(TimeSpan now)
    {
        var passed = now - _lastTick;
        _silence += passed < interval * 2 ? passed : interval * 2;
        _lastTick = now;
        return ++_sent;
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
        if (now - _lastPong > LongestGap)
        {
            LongestGap = now - _lastPong;
        }

        _lastPong = now;
        return true;
    }
}
