namespace Broker.Actors.Runtime.Embedded;

/// <summary>Children that wait for their back-off to pass.</summary>
internal sealed class PendingRestart(LocalActorRef supervisor, IReadOnlyList<LocalActorRef> children, Exception cause)
    : IDisposable
{
    private ITimer? _timer;

    public IReadOnlyList<LocalActorRef> Children { get; } = children;

    public Exception Cause { get; } = cause;

    public void Start(TimeProvider time, TimeSpan delay) =>
        _timer = time.CreateTimer(
            static state => ((PendingRestart)state!).Elapse(), this, delay, Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer?.Dispose();

    private void Elapse() => supervisor.SendSystem(new SystemMessage.BackoffElapsed(this));
}
