namespace Broker.Actors.Runtime.Embedded;

/// <summary>Timers of one cell. Used in the cell's turn only; a timer's own thread does no more than post to the mailbox.</summary>
internal sealed class ActorTimers(Mailbox mailbox, TimeProvider time) : ITimerScheduler
{
    private readonly Dictionary<object, ActorTimer> _timers = [];

    public void StartSingle(object key, object message, TimeSpan delay)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        Start(key, message, delay, Timeout.InfiniteTimeSpan);
    }

    public void StartPeriodic(object key, object message, TimeSpan interval)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(interval, TimeSpan.Zero);
        Start(key, message, interval, interval);
    }

    public bool IsActive(object key) => _timers.ContainsKey(key);

    public void Cancel(object key)
    {
        if (_timers.Remove(key, out var timer))
        {
            timer.Cancel();
        }
    }

    public void CancelAll()
    {
        foreach (var timer in _timers.Values)
        {
            timer.Cancel();
        }

        _timers.Clear();
    }

    /// <summary>The message of a timer whose mark has come out of the mailbox; <c>null</c> if the timer was cancelled meanwhile.</summary>
    public object? Take(ActorTimer timer)
    {
        if (!timer.Take())
        {
            return null;
        }

        if (!timer.IsPeriodic)
        {
            _timers.Remove(timer.Key);
            timer.Cancel();
        }

        return timer.Message;
    }

    private void Start(object key, object message, TimeSpan delay, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(message);
        Cancel(key);
        var timer = new ActorTimer(mailbox, key, message, period != Timeout.InfiniteTimeSpan);
        _timers.Add(key, timer);
        timer.Start(time, delay, period);
    }
}
