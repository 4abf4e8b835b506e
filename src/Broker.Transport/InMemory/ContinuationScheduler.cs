using System.IO.Pipelines;

namespace Broker.Transport.InMemory;

/// <summary>
/// Where the awaiting code of one end of a connection continues: on the thread pool, or (<see cref="QuicConnectionOptions.InlineContinuations"/>)
/// through the network's <see cref="InlineQueue"/> after <paramref name="gate"/> has been left.
/// </summary>
internal sealed class ContinuationScheduler(Lock gate, InlineQueue inlineQueue, bool inline) : PipeScheduler
{
    public override void Schedule(Action<object?> action, object? state)
    {
        if (!inline)
        {
            PipeScheduler.ThreadPool.Schedule(action, state);
            return;
        }

        inlineQueue.Enqueue(action, state);
        Drain();
    }

    /// <summary>Runs inline continuations that became ready while the gate was held. No effect while it is still held.</summary>
    public void Drain()
    {
        if (!gate.IsHeldByCurrentThread)
        {
            inlineQueue.Drain();
        }
    }

    public TaskCompletionSource<T> NewSource<T>() =>
        new(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);

    public void Complete<T>(TaskCompletionSource<T> source, T result) => Settle(source, () => source.TrySetResult(result));

    public void Fail<T>(TaskCompletionSource<T> source, Exception exception) => Settle(source, () =>
    {
        source.TrySetException(exception);
        _ = source.Task.Exception; // marks it observed: not everybody awaits
    });

    public void Cancel<T>(TaskCompletionSource<T> source, CancellationToken token) => Settle(source, () => source.TrySetCanceled(token));

    /// <summary>Runs what makes continuations ready, where they may run.</summary>
    public void Run(Action settle)
    {
        if (inline)
        {
            inlineQueue.Enqueue(static state => ((Action)state!)(), settle);
            Drain();
        }
        else
        {
            settle();
        }
    }

    private void Settle<T>(TaskCompletionSource<T> source, Action settle)
    {
        if (source.Task.IsCompleted)
        {
            settle();
        }
        else
        {
            Run(settle);
        }
    }
}
