namespace Broker.Actors.Runtime.Embedded;

/// <summary>One timer; it is also its own mark in the mailbox, at most once at a time.</summary>
internal sealed class ActorTimer(Mailbox mailbox, object key, object message, bool isPeriodic)
{
    private ITimer? _timer;
    private int _inMailbox;
    private bool _cancelled;

    public object Key => key;

    public object Message => message;

    public bool IsPeriodic => isPeriodic;

    public void Start(TimeProvider time, TimeSpan delay, TimeSpan period)
    {
        if (delay == TimeSpan.Zero)
        {
            Fire();
        }
        else
        {
            _timer = time.CreateTimer(static state => ((ActorTimer)state!).Fire(), this, delay, period);
        }
    }

    /// <summary>In the cell's turn.</summary>
    public void Cancel()
    {
        _cancelled = true;
        _timer?.Dispose();
    }

    /// <summary>In the cell's turn, when the mark has come out of the mailbox. False if the timer does not fire any more.</summary>
    public bool Take()
    {
        Volatile.Write(ref _inMailbox, 0);
        return !_cancelled;
    }

    private void Fire()
    {
        if (Interlocked.Exchange(ref _inMailbox, 1) == 0)
        {
            mailbox.PostUnbounded(this, EngineMark.Instance);
        }
    }
}
