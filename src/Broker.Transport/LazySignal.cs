namespace Broker.Transport;

/// <summary>A task that completes at most once and that few ask for: it is made when somebody does. Thread-safe.</summary>
internal struct LazySignal
{
    private static readonly TaskCompletionSource s_given = MakeGiven();
    private TaskCompletionSource? _source;

    /// <summary>The task; always the same one unless it has completed.</summary>
    /// <param name="inline">Whether code that awaits it goes on inside <see cref="Give"/>.</param>
    public Task Task(bool inline = false)
    {
        if (Volatile.Read(ref _source) is { } source)
        {
            return source.Task;
        }

        var made = new TaskCompletionSource(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _source, made, null) ?? made).Task;
    }

    /// <summary>Completes the task, also for those who ask later.</summary>
    public void Give() => (Interlocked.CompareExchange(ref _source, s_given, null) ?? s_given).TrySetResult();

    private static TaskCompletionSource MakeGiven()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
