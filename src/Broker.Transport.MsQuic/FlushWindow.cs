using System.IO.Pipelines;

namespace Broker.Transport.MsQuic;

/// <summary>Makes a flush wait while <see cref="QuicConnectionOptions.SendBufferSize"/> bytes or more have not been taken by the library.</summary>
internal sealed class FlushWindow(int size)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource<FlushResult>? _waiter;
    private QuicTransportException? _fault;
    private bool _canceled;
    private long _pending;

    /// <summary>So many bytes were handed over.</summary>
    public ValueTask<FlushResult> Flush(long bytes, CancellationToken cancellationToken)
    {
        TaskCompletionSource<FlushResult> waiter;
        lock (_gate)
        {
            _pending += bytes;
            if (_fault is not null)
            {
                return ValueTask.FromException<FlushResult>(_fault);
            }

            if (_canceled)
            {
                _canceled = false;
                return new(new FlushResult(isCanceled: true, isCompleted: false));
            }

            if (_pending < size)
            {
                return new(default(FlushResult));
            }

            if (_waiter is not null)
            {
                throw new InvalidOperationException("a flush is pending; await it before the next");
            }

            _waiter = waiter = new TaskCompletionSource<FlushResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return new(cancellationToken.CanBeCanceled ? WaitAsync(waiter, cancellationToken) : waiter.Task);
    }

    /// <summary>The library has taken so many bytes.</summary>
    public void Release(long bytes)
    {
        lock (_gate)
        {
            _pending -= bytes;
            if (_pending < size)
            {
                TakeWaiter()?.TrySetResult(default);
            }
        }
    }

    public void Fail(QuicTransportException fault)
    {
        lock (_gate)
        {
            _fault ??= fault;
            TakeWaiter()?.TrySetException(_fault);
        }
    }

    /// <summary>As in System.IO.Pipelines: without a pending flush, the next one is cancelled.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            _canceled = TakeWaiter()?.TrySetResult(new FlushResult(isCanceled: true, isCompleted: false)) is not true;
        }
    }

    private async Task<FlushResult> WaitAsync(TaskCompletionSource<FlushResult> waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(_ => Abandon(waiter, cancellationToken), null);
        return await waiter.Task;
    }

    private void Abandon(TaskCompletionSource<FlushResult> waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_waiter == waiter)
            {
                TakeWaiter()!.TrySetCanceled(cancellationToken);
            }
        }
    }

    private TaskCompletionSource<FlushResult>? TakeWaiter()
    {
        var waiter = _waiter;
        _waiter = null;
        return waiter;
    }
}
