namespace Broker.Actors.Runtime.Embedded;

/// <summary>Runs mailboxes on the .NET thread pool.</summary>
public sealed class ThreadPoolDispatcher : IActorDispatcher
{
    private ThreadPoolDispatcher()
    {
    }

    /// <summary>The one instance.</summary>
    public static ThreadPoolDispatcher Instance { get; } = new();

    /// <inheritdoc/>
    public void Schedule(IThreadPoolWorkItem mailbox, bool continues) =>
        ThreadPool.UnsafeQueueUserWorkItem(mailbox, preferLocal: !continues);
}
