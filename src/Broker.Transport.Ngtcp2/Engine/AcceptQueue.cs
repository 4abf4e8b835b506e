using System.Diagnostics.CodeAnalysis;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// What was accepted and not taken yet, and who waits for more. It holds nothing while empty; its length is bounded by its users, who count what may be in it.
/// </summary>
internal sealed class AcceptQueue<T>(bool inline)
    where T : class
{
    private readonly Lock _gate = new();
    private Queue<T>? _items;
    private Queue<TaskCompletionSource<T?>>? _waiters;
    private Func<Exception?>? _end;

    /// <summary>Items not taken yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _items?.Count ?? 0;
            }
        }
    }

    /// <summary>Adds an item or hands it to who has waited longest.</summary>
    /// <returns><c>false</c> if the queue has ended.</returns>
    public bool Add(T item)
    {
        while (true)
        {
            TaskCompletionSource<T?>? waiter = null;
            lock (_gate)
            {
                if (_end != null)
                {
                    return false;
                }

                if (_waiters == null || !_waiters.TryDequeue(out waiter))
                {
                    (_items ??= new Queue<T>()).Enqueue(item);
                    return true;
                }
            }

            // A waiter that was cancelled meanwhile does not take it.
            if (waiter.TrySetResult(item))
            {
                return true;
            }
        }
    }

    /// <summary>Takes an item, waiting for one.</summary>
    /// <returns>The item; <c>null</c> or an exception, as told to <see cref="End"/>, when there will be none.</returns>
    public ValueTask<T?> TakeAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T?>(cancellationToken);
        }

        TaskCompletionSource<T?> waiter;
        lock (_gate)
        {
            if (_items != null && _items.TryDequeue(out var item))
            {
                return new ValueTask<T?>(item);
            }

            if (_end != null)
            {
                return _end() is { } error ? ValueTask.FromException<T?>(error) : new ValueTask<T?>((T?)null);
            }

            waiter = new TaskCompletionSource<T?>(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters ??= new Queue<TaskCompletionSource<T?>>();
            while (_waiters.TryPeek(out var oldest) && oldest.Task.IsCompleted)
            {
                // Cancelled. Somebody who polls with a timeout must not leave a trail.
                _waiters.Dequeue();
            }

            _waiters.Enqueue(waiter);
        }

        return cancellationToken.CanBeCanceled ? WaitAsync(waiter, cancellationToken) : new ValueTask<T?>(waiter.Task);
    }

    /// <summary>Ends the queue: nothing is added any more, waiters and later takers get <c>null</c> or the exception.</summary>
    /// <returns>The items that nobody took.</returns>
    public IReadOnlyCollection<T> End(Func<Exception?> end)
    {
        Queue<TaskCompletionSource<T?>>? waiters;
        Queue<T>? items;
        lock (_gate)
        {
            if (_end != null)
            {
                return [];
            }

            _end = end;
            waiters = _waiters;
            items = _items;
            _waiters = null;
            _items = null;
        }

        foreach (var waiter in waiters ?? [])
        {
            if (end() is { } error)
            {
                waiter.TrySetException(error);
            }
            else
            {
                waiter.TrySetResult(null);
            }
        }

        return (IReadOnlyCollection<T>?)items ?? [];
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "The value task wraps this method's own task.")]
    private static async ValueTask<T?> WaitAsync(TaskCompletionSource<T?> waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource<T?>)state!).TrySetCanceled(token), waiter);
        return await waiter.Task;
    }
}
