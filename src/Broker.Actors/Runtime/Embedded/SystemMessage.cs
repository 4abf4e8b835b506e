namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// What the engine tells a cell: life cycle, supervision, death watch. It overtakes user messages and is never dropped. An instance is sent once: it is
/// its own link in the receiver's <see cref="SystemQueue"/>.
/// </summary>
internal abstract class SystemMessage
{
    public SystemMessage? Next;

    /// <summary>To a new cell, first of all: make the actor and start it.</summary>
    public sealed class Create : SystemMessage;

    /// <summary>To a cell: take no user message until resumed or restarted. Suspensions nest.</summary>
    public sealed class Suspend : SystemMessage;

    /// <summary>Parent to child: one suspension less.</summary>
    /// <param name="clearFailure">True if the child's own failure is what this answers.</param>
    public sealed class Resume(bool clearFailure) : SystemMessage
    {
        public bool ClearFailure { get; } = clearFailure;
    }

    /// <summary>Parent to child: go on with a new instance.</summary>
    public sealed class Recreate(Exception cause) : SystemMessage
    {
        public Exception Cause { get; } = cause;
    }

    /// <summary>Anybody to a cell: stop.</summary>
    public sealed class Terminate : SystemMessage;

    /// <summary>Child to parent: I have failed and am suspended; decide.</summary>
    public sealed class Failed(LocalActorRef child, Exception cause) : SystemMessage
    {
        public LocalActorRef Child { get; } = child;

        public Exception Cause { get; } = cause;
    }

    /// <summary>Supervisor to itself: the back-off of a restart has passed.</summary>
    public sealed class BackoffElapsed(PendingRestart restart) : SystemMessage
    {
        public PendingRestart Restart { get; } = restart;
    }

    /// <summary>Watcher to watched.</summary>
    public sealed class Watch(EmbeddedRef watcher) : SystemMessage
    {
        public EmbeddedRef Watcher { get; } = watcher;
    }

    /// <summary>Watcher to watched: forget it.</summary>
    public sealed class Unwatch(EmbeddedRef watcher) : SystemMessage
    {
        public EmbeddedRef Watcher { get; } = watcher;
    }

    /// <summary>From one who has stopped, to its parent and its watchers.</summary>
    public sealed class DeathNotice(EmbeddedRef dead) : SystemMessage
    {
        public EmbeddedRef Dead { get; } = dead;
    }
}
