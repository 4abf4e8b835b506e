namespace Broker.Client.Connections;

/// <summary>What to make of a node's silence.</summary>
internal enum SilenceVerdict
{
    /// <summary>Nothing to do.</summary>
    Calm,

    /// <summary>Send something that it must answer.</summary>
    Ask,

    /// <summary>It should have answered, and has not.</summary>
    Suspect,
}

/// <summary>What was seen of a connection.</summary>
/// <param name="Received">A number that changes with whatever is received.</param>
/// <param name="RoundTrip">How long an answer takes as a rule.</param>
/// <param name="IsInFlight">Something was sent that the node's transport has not acknowledged; <c>false</c> as well if that is not known.</param>
internal readonly record struct SilenceReading(long Received, TimeSpan RoundTrip, bool IsInFlight);

/// <summary>
/// Whether a node is silent that should not be: nothing was received for the limit, and for half of it something has waited for an answer. A node that owes nothing may
/// be silent. One that owes an answer to a request is asked a question once, as it may take its time over the request and not over the question. A time for
/// which this process got no turn is no silence of the node's: however late a tick comes, it counts for two intervals at most.
/// </summary>
/// <param name="time">The limit; longer if round trips are long.</param>
/// <param name="longestCalm">The longest silence after which a node that owes an answer is asked; above half of the limit.</param>
internal sealed class PeerSilence(TimeSpan time, TimeSpan longestCalm)
{
    /// <summary>Round trips that the limit has at least: an answer may be lost once.</summary>
    private const int RoundTrips = 8;

    private const int TicksOfLimit = 4;

    private long _received = -1;
    private TimeSpan _silence;
    private TimeSpan _unanswered;
    private TimeSpan _askAfter = time / 2;
    private bool _asked;
    private bool _wasAsked; // what is received next may still belong to the answer

    /// <summary>How often to call <see cref="HandleTick"/>.</summary>
    public TimeSpan Interval { get; } = time / TicksOfLimit;

    /// <summary>Time for another look.</summary>
    /// <param name="passed">Since the last one.</param>
    /// <param name="reading">The connection as it is.</param>
    /// <param name="owes">Whether something waits for an answer of the node; asked for only when it matters.</param>
    public SilenceVerdict HandleTick(TimeSpan passed, in SilenceReading reading, Func<bool> owes)
    {
        if (reading.Received != _received)
        {
            OnReceived(reading.Received);
            return SilenceVerdict.Calm;
        }

        passed = passed < Interval * 2 ? passed : Interval * 2;
        _wasAsked = false;
        _silence += passed;
        _unanswered += reading.IsInFlight || _asked ? passed : TimeSpan.Zero;
        var limit = time > reading.RoundTrip * RoundTrips ? time : reading.RoundTrip * RoundTrips;
        if (_silence >= limit && _unanswered >= limit / 2)
        {
            return SilenceVerdict.Suspect;
        }

        if (!_asked && !reading.IsInFlight && _silence >= _askAfter && owes())
        {
            _asked = true;
            return SilenceVerdict.Ask;
        }

        return SilenceVerdict.Calm;
    }

    /// <summary>The suspicion came to nothing; the silence begins anew.</summary>
    public void Forget() => (_silence, _unanswered, _asked) = (TimeSpan.Zero, TimeSpan.Zero, false);

    private void OnReceived(long received)
    {
        // A node that answers questions alone is asked less and less often: it lives, and the request takes long.
        _askAfter = _asked ? Min(_askAfter * 2, longestCalm) : _wasAsked ? _askAfter : time / 2;
        (_wasAsked, _received) = (_asked, received);
        Forget();
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
