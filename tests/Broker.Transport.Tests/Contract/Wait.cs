namespace Broker.Transport.Tests.Contract;

/// <summary>Waits that end: with the result, or with a failure that says what did not happen.</summary>
public static class Wait
{
    private const int StillMoments = 5;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_stillMoment = TimeSpan.FromMilliseconds(30);

    public static async Task<T> For<T>(ValueTask<T> task, string what) => await For(task.AsTask(), what);

    public static Task For(ValueTask task, string what) => For(task.AsTask(), what);

    public static async Task<T> For<T>(Task<T> task, string what)
    {
        await For((Task)task, what);
        return await task;
    }

    public static async Task For(Task task, string what)
    {
        if (await Task.WhenAny(task, Task.Delay(s_limit)) != task)
        {
            Assert.Fail($"waited {s_limit.TotalSeconds} s in vain for {what}");
        }

        await task;
    }

    /// <summary>Waits until <paramref name="condition"/> holds, for state that has no event to wait for.</summary>
    public static async Task Until(Func<bool> condition, string what)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(deadline) > s_limit)
            {
                Assert.Fail($"waited {s_limit.TotalSeconds} s in vain until {what}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    /// <summary>Whether the task is still pending after a moment in which nothing else was going on.</summary>
    public static async Task<bool> StaysPending(Task task)
    {
        // A process that was stopped for a while finds one delay over before anything else has gone on, but not several.
        for (var i = 0; i < StillMoments; i++)
        {
            if (await Task.WhenAny(task, Task.Delay(s_stillMoment)) == task)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The failure that the operation must end with.</summary>
    public static async Task<QuicTransportException> ForFailure(QuicError expected, Task task, string what)
    {
        var failure = await Assert.ThrowsAsync<QuicTransportException>(() => For(task, what));
        Assert.True(expected == failure.Error, $"{what}: expected {expected}, got {failure.Error}: {failure.Message}");
        return failure;
    }

    /// <summary>As above, for an operation that may fail before it returns a task, as those of System.IO.Pipelines do.</summary>
    public static Task<QuicTransportException> ForFailure<T>(QuicError expected, Func<ValueTask<T>> operation, string what) =>
        ForFailure(expected, ((Func<Task<T>>)(async () => await operation()))(), what);
}
