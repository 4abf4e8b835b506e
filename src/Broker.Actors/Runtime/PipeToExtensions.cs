namespace Broker.Actors.Runtime;

/// <summary><see cref="IActorContext.PipeTo"/> for the other kinds of task.</summary>
public static class PipeToExtensions
{
    /// <inheritdoc cref="IActorContext.PipeTo"/>
    public static void PipeTo<T>(
        this IActorContext context, Task<T> task, Func<T, object> success, Func<Exception, object> failure)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(task);
        context.PipeTo(new ValueTask<T>(task), success, failure);
    }

    /// <inheritdoc cref="IActorContext.PipeTo"/>
    public static void PipeTo(
        this IActorContext context, Task task, Func<object> success, Func<Exception, object> failure)
    {
        ArgumentNullException.ThrowIfNull(task);
        PipeTo(context, new ValueTask(task), success, failure);
    }

    /// <inheritdoc cref="IActorContext.PipeTo"/>
    public static void PipeTo(
        this IActorContext context, ValueTask task, Func<object> success, Func<Exception, object> failure)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(success);
        context.PipeTo(WithResultAsync(task), _ => success(), failure);
    }

    private static async ValueTask<bool> WithResultAsync(ValueTask task)
    {
        await task;
        return true;
    }
}
