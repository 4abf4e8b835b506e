namespace Broker.Actors.Tests.Nodes;

/// <summary>The system's clock, which holds up the next one who starts a timer or asks for the time, once it is told to: an actor in the middle of its turn.</summary>
internal sealed class HeldClock : TimeProvider, IDisposable
{
    private readonly ManualResetEventSlim _released = new();
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _holds;

    public void Hold() => Volatile.Write(ref _holds, 1);

    public Task HeldAsync() => _held.Task.WaitAsync(WireConnection.Timeout);

    public void Release() => _released.Set();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Pass();
        return System.CreateTimer(callback, state, dueTime, period);
    }

    public override DateTimeOffset GetUtcNow()
    {
        Pass();
        return System.GetUtcNow();
    }

    public void Dispose() => Release();

    private void Pass()
    {
        if (Interlocked.Exchange(ref _holds, 0) == 1)
        {
            _held.SetResult();
            _released.Wait(WireConnection.Timeout * 2);
        }
    }
}
