namespace Broker.Actors.Runtime;

/// <summary>A tree of actors and what runs it. Thread-safe.</summary>
public abstract class ActorSystem : IAsyncDisposable
{
    /// <summary>Depth of <see cref="GetHierarchy"/> unless another is asked for; deeper than any tree of this repository.</summary>
    public const int DefaultHierarchyDepth = 32;

    /// <summary>How long <see cref="DisposeAsync"/> waits for the orderly end.</summary>
    public static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Name of the system; the first part of every path.</summary>
    public abstract string Name { get; }

    /// <summary>The clock of all timers and timeouts.</summary>
    public abstract TimeProvider TimeProvider { get; }

    /// <summary>What is told to it becomes a <see cref="DeadLetter"/>.</summary>
    public abstract ActorRef DeadLetters { get; }

    /// <summary>Dead letters, unhandled messages and whatever actors publish.</summary>
    public abstract EventStream EventStream { get; }

    /// <summary>Completes, never faults, when the last actor has stopped.</summary>
    public abstract Task WhenTerminated { get; }

    /// <summary>Starts an actor under <c>/user</c>. Errors as for <see cref="IActorContext.ActorOf"/>.</summary>
    public abstract ActorRef ActorOf(Props props, string? name = null);

    /// <summary>Stops any actor of this system, see <see cref="IActorContext.Stop"/>.</summary>
    public abstract void Stop(ActorRef actor);

    /// <summary>Makes a <see cref="DeadLetter"/> of a message that an actor had to give up, counted like any other.</summary>
    public abstract void PublishDeadLetter(DeadLetter letter);

    /// <summary>Stops all actors, children before parents, and ends the system. Idempotent; every caller waits for the same end.</summary>
    /// <param name="timeout">How long to wait; the end is not given up when it has passed.</param>
    /// <exception cref="TimeoutException">Actors still run; the message names some of them.</exception>
    public abstract Task TerminateAsync(TimeSpan timeout);

    /// <summary>The tree below a path, read while actors run.</summary>
    /// <param name="startPath">Such as <c>/user/region</c>; <c>null</c> is the root.</param>
    /// <param name="maxDepth">Levels below the start that are listed; zero lists the start alone.</param>
    /// <returns><c>null</c> if there is no actor of that path.</returns>
    public abstract ActorHierarchyNode? GetHierarchy(string? startPath = null, int maxDepth = DefaultHierarchyDepth);

    /// <summary>Terminates the system.</summary>
    public async ValueTask DisposeAsync()
    {
        await TerminateAsync(DisposeTimeout);
        GC.SuppressFinalize(this);
    }
}
