namespace Broker.Transport.MsQuic;

/// <summary>
/// A window over bytes that were received and not consumed: whoever receives waits while it is used up. Not a semaphore, because the last read may
/// overdraw it by what one read brings.
/// </summary>
internal sealed class ReceiveBudget(long window)
{
    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private long _held;

    public void Take(long bytes)
    {
        lock (_gate)
        {
            _held += bytes;
        }
    }

    public void Return(long bytes)
    {
        lock (_gate)
        {
            _held -= bytes;
            while (_held < window && _waiting.TryDequeue(out var waiter))
            {
                waiter.SetResult();
            }
        }
    }

    /// <summary>Completes once something may be received.</summary>
    public Task WaitAsync()
    {
        lock (_gate)
        {
            if (_held < window)
            {
                return Task.CompletedTask;
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter);
            return waiter.Task;
        }
    }
}
