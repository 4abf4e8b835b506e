namespace Broker.Transport.InMemory;

/// <summary>Callers that wait for the same kind of thing, served in order. All members are called under the gate that it is given.</summary>
internal sealed class WaitList<T>(Lock gate, ContinuationScheduler scheduler)
{
    private readonly LinkedList<Waiter> _waiters = new();

    public bool IsEmpty => _waiters.Count == 0;

    public Task<T> WaitAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(cancellationToken);
        }

        var waiter = new Waiter(this, scheduler.NewSource<T>(), cancellationToken);
        waiter.Node = _waiters.AddLast(waiter);
        waiter.Registration = cancellationToken.UnsafeRegister(static state => ((Waiter)state!).Cancel(), waiter);
        return waiter.Source.Task;
    }

    /// <summary>Serves the one who waits longest; <c>false</c> if nobody waits.</summary>
    public bool TryServe(T result)
    {
        if (!TryRemoveFirst(out var waiter))
        {
            return false;
        }

        scheduler.Complete(waiter.Source, result);
        return true;
    }

    public void FailAll(Exception exception)
    {
        while (TryRemoveFirst(out var waiter))
        {
            scheduler.Fail(waiter.Source, exception);
        }
    }

    private bool TryRemoveFirst(out Waiter waiter)
    {
        waiter = _waiters.First?.Value!;
        if (waiter is null)
        {
            return false;
        }

        _waiters.RemoveFirst();
        waiter.Registration.Unregister(); // not Dispose: that would wait for a callback that waits for the gate
        return true;
    }

    private sealed class Waiter(WaitList<T> list, TaskCompletionSource<T> source, CancellationToken token)
    {
        public TaskCompletionSource<T> Source => source;

        public LinkedListNode<Waiter>? Node { get; set; }

        public CancellationTokenRegistration Registration { get; set; }

        public void Cancel() => list.Cancel(this, token);
    }

    private void Cancel(Waiter waiter, CancellationToken token)
    {
        lock (gate)
        {
            if (waiter.Node!.List is null)
            {
                return; // served in the meantime
            }

            _waiters.Remove(waiter.Node);
            scheduler.Cancel(waiter.Source, token);
        }

        scheduler.Drain();
    }
}
