namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A token bucket for packets that are sent without any state, so that nobody can make us a source of traffic.</summary>
internal sealed class RateLimit(int perSecond)
{
    private const ulong Second = 1_000_000_000;

    private readonly ulong _cost = Second / (ulong)perSecond;
    private ulong _full;

    /// <summary>Takes a token; a second's worth may be taken at once.</summary>
    public bool TryTake(ulong now)
    {
        // _full is the moment at which the bucket is full again; each token moves it on, and it may be at most a second away.
        var full = Math.Max(_full, now) + _cost;
        if (full > now + Second)
        {
            return false;
        }

        _full = full;
        return true;
    }
}
