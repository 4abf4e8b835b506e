namespace Broker.Transport.InMemory;

/// <summary>
/// Runs continuations one after another, in the order in which they became ready, on whichever thread made the first ready. It stands
/// for the loop thread of a socket: no thread of its own, no recursion when one continuation causes the next.
/// </summary>
internal sealed class InlineQueue
{
    private readonly Lock _gate = new();
    private readonly Queue<(Action<object?> Action, object? State)> _ready = new();
    private bool _draining;

    public void Enqueue(Action<object?> action, object? state)
    {
        lock (_gate)
        {
            _ready.Enqueue((action, state));
        }
    }

    /// <summary>Runs what is ready, unless somebody is at it already. Call without holding any lock of the transport.</summary>
    public void Drain()
    {
        lock (_gate)
        {
            if (_draining || _ready.Count == 0)
            {
                return;
            }

            _draining = true;
        }

        while (TryTake(out var next))
        {
            Run(next.Action, next.State);
        }
    }

    private void Run(Action<object?> action, object? state)
    {
        var returned = false;
        try
        {
            action(state);
            returned = true;
        }
        finally
        {
            if (!returned)
            {
                // The exception reaches whoever drained; the queue must not stay locked behind it.
                lock (_gate)
                {
                    _draining = false;
                }
            }
        }
    }

    private bool TryTake(out (Action<object?> Action, object? State) next)
    {
        lock (_gate)
        {
            _draining = _ready.TryDequeue(out next);
            return _draining;
        }
    }
}
