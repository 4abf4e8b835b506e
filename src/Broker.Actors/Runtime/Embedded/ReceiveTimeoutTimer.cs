namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// Watches for idleness without touching a timer at each message: the timer looks at the time of the last activity when it fires, and sleeps
/// for what is left.
/// </summary>
internal sealed class ReceiveTimeoutTimer
{
    private readonly Mailbox _mailbox;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly ITimer _timer;
    private long _lastActivity;
    private bool _stopped;

    public ReceiveTimeoutTimer(Mailbox mailbox, TimeProvider time, TimeSpan timeout)
    {
        _mailbox = mailbox;
        _time = time;
        _timeout = timeout;
        Touch();
        _timer = time.CreateTimer(
            static state => ((ReceiveTimeoutTimer)state!).Fire(), this, timeout, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The actor has handled something.</summary>
    public void Touch() => _lastActivity = _time.GetTimestamp();

    /// <summary>In the cell's turn, when the mark has come out of the mailbox. True if the actor is to be told.</summary>
    public bool Take()
    {
        if (_stopped)
        {
            return false;
        }

        var idle = _time.GetElapsedTime(_lastActivity);
        var elapsed = idle >= _timeout;
        if (elapsed)
        {
            Touch();
        }

        _timer.Change(elapsed ? _timeout : _timeout - idle, Timeout.InfiniteTimeSpan);
        return elapsed;
    }

    public void Stop()
    {
        _stopped = true;
        _timer.Dispose();
    }

    private void Fire() => _mailbox.PostUnbounded(this, EngineMark.Instance);
}
