namespace Broker.Actors.Runtime;

/// <summary>
/// Timers that tell messages to their own actor, on the system's <see cref="TimeProvider"/>. A timer is named by a key; starting a key again replaces it.
/// </summary>
/// <remarks>
/// A timer that was cancelled or replaced, or whose actor has restarted or stopped, never fires, not even if its message was already in the mailbox. A
/// periodic timer has at most one message in the mailbox: ticks that come while one waits are merged. Timer messages do not count against
/// the mailbox bound, and their sender is the actor itself.
/// </remarks>
public interface ITimerScheduler
{
    /// <summary>Tells the message once, after the delay (zero or more).</summary>
    void StartSingle(object key, object message, TimeSpan delay);

    /// <summary>Tells the message after each interval (more than zero).</summary>
    void StartPeriodic(object key, object message, TimeSpan interval);

    /// <summary>True until a single timer has been handled or the timer is cancelled.</summary>
    bool IsActive(object key);

    /// <summary>Ends a timer; no effect if there is none.</summary>
    void Cancel(object key);

    /// <summary>Ends all timers of this actor.</summary>
    void CancelAll();
}
