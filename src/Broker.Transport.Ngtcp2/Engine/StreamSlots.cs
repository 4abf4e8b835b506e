namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// How many streams the peer allows this side to open (RFC 9000, section 4.6). A stream is reserved here when the application opens it and gets its
/// id on the loop with its first use, so that open, write and FIN are one visit to the loop.
/// </summary>
internal sealed class StreamSlots(bool inline)
{
    private readonly Lock _gate = new();
    private Queue<TaskCompletionSource>? _waiters;
    private Func<Exception>? _end;
    private long _limit;
    private long _reserved;

    /// <summary>Reserves a stream, waiting until the peer allows one.</summary>
    public ValueTask ReserveAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_end != null)
            {
                return ValueTask.FromException(_end());
            }

            if (_reserved < _limit)
            {
                _reserved++;
                return ValueTask.CompletedTask;
            }

            waiter = new TaskCompletionSource(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters ??= new Queue<TaskCompletionSource>();
            while (_waiters.TryPeek(out var oldest) && oldest.Task.IsCompleted)
            {
                // Cancelled. Somebody who tries with a timeout must not leave a trail.
                _waiters.Dequeue();
            }

            _waiters.Enqueue(waiter);
        }

        return cancellationToken.CanBeCanceled ? WaitAsync(waiter, cancellationToken) : new ValueTask(waiter.Task);
    }

    /// <summary>The peer allows so many streams over the connection's whole life.</summary>
    public void SetLimit(long limit) => Change(limit, cancelled: 0);

    /// <summary>A reserved stream was given up before it got an id.</summary>
    public void Cancel() => Change(limit: 0, cancelled: 1);

    /// <summary>The connection ended.</summary>
    public void End(Func<Exception> end)
    {
        Queue<TaskCompletionSource>? waiters;
        lock (_gate)
        {
            _end ??= end;
            waiters = _waiters;
            _waiters = null;
        }

        foreach (var waiter in waiters ?? [])
        {
            waiter.TrySetException(end());
        }
    }

    private void Change(long limit, int cancelled)
    {
        List<TaskCompletionSource>? ready = null;
        lock (_gate)
        {
            _limit = Math.Max(_limit, limit);
            _reserved -= cancelled;
            while (_reserved < _limit && _waiters != null && _waiters.TryDequeue(out var waiter))
            {
                if (!waiter.Task.IsCompleted)
                {
                    _reserved++;
                    (ready ??= []).Add(waiter);
                }
            }
        }

        foreach (var waiter in ready ?? [])
        {
            if (!waiter.TrySetResult())
            {
                // Cancelled in this very moment: the next one gets it.
                Cancel();
            }
        }
    }

    private static async ValueTask WaitAsync(TaskCompletionSource waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter);
        await waiter.Task;
    }
}
