using System.Diagnostics;

namespace Broker.Node.Tests.Processes;

/// <summary>Waits that end: with what was waited for, or with a failure that says what did not happen.</summary>
internal static class Wait
{
    /// <summary>Long enough for a machine that is busy with other things.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(30);

    public static async Task<T> For<T>(Task<T> task, string what, TimeSpan? limit = null)
    {
        await For((Task)task, what, limit);
        return await task;
    }

    public static Task<T> For<T>(ValueTask<T> task, string what, TimeSpan? limit = null) => For(task.AsTask(), what, limit);

    public static async Task For(Task task, string what, TimeSpan? limit = null)
    {
        try
        {
            await task.WaitAsync(limit ?? Limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"waited {(limit ?? Limit).TotalSeconds:0.#} s in vain for {what}");
        }
    }

    /// <summary>Asks again and again until the state is right, for state of another process that has no event to wait for.</summary>
    /// <param name="read">Reads the state.</param>
    /// <param name="isRight">Whether it is.</param>
    /// <param name="what">What is waited for; the last state is added to the failure.</param>
    /// <param name="limit">The longest wait. Default: <see cref="Limit"/>.</param>
    public static async Task<T> Until<T>(Func<Task<T>> read, Func<T, bool> isRight, string what, TimeSpan? limit = null)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var state = await For(read(), $"the state, to see whether {what}");
            if (isRight(state))
            {
                return state;
            }

            if (Stopwatch.GetElapsedTime(start) > (limit ?? Limit))
            {
                throw new TimeoutException($"waited {(limit ?? Limit).TotalSeconds:0.#} s in vain until {what}; now: {state}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }
}
