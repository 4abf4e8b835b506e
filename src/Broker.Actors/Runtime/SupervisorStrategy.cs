namespace Broker.Actors.Runtime;

/// <summary>What a supervisor does about a child's failure.</summary>
public enum Directive
{
    /// <summary>Go on with the next message and the state as it is.</summary>
    Resume,

    /// <summary>Go on with a new instance and the same mailbox.</summary>
    Restart,

    /// <summary>Stop the child.</summary>
    Stop,

    /// <summary>Fail oneself with the same exception, so that one's own supervisor decides.</summary>
    Escalate,
}

/// <summary>Decides on failures of children. Immutable.</summary>
public abstract class SupervisorStrategy
{
    private protected SupervisorStrategy(
        Func<Exception, Directive>? decider, int? maxRestarts, TimeSpan? window, RestartBackoff? backoff)
    {
        if (maxRestarts is { } max)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(max, nameof(maxRestarts));
        }

        if (window is { } within)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(within, TimeSpan.Zero, nameof(window));
        }

        Decider = decider ?? DefaultDecider;
        MaxRestarts = maxRestarts;
        Window = window;
        Backoff = backoff;
    }

    /// <summary>
    /// One for one; <see cref="ActorInitializationException"/> stops, everything else restarts at once, without a limit.
    /// </summary>
    public static SupervisorStrategy Default { get; } = new OneForOneStrategy();

    /// <summary>One for one; every failure stops the child.</summary>
    public static SupervisorStrategy Stopping { get; } = new OneForOneStrategy(_ => Directive.Stop);

    /// <summary>The decision for an exception. It should not throw; if it does, the supervisor fails.</summary>
    public Func<Exception, Directive> Decider { get; }

    /// <summary>Restarts of one child within <see cref="Window"/> before it is stopped instead; <c>null</c>: no limit.</summary>
    public int? MaxRestarts { get; }

    /// <summary>Length of the window that starts with the first restart counted; <c>null</c>: the child's whole life.</summary>
    public TimeSpan? Window { get; }

    /// <summary>How long a child waits before it restarts; <c>null</c>: not at all.</summary>
    public RestartBackoff? Backoff { get; }

    /// <summary>Whether a restart or a stop takes all children or the failed one alone.</summary>
    public abstract bool AffectsAllChildren { get; }

    /// <summary>The decision of <see cref="Default"/>.</summary>
    public static Directive DefaultDecider(Exception exception) =>
        exception is ActorInitializationException ? Directive.Stop : Directive.Restart;
}

/// <summary>A failure concerns the failed child alone.</summary>
public sealed class OneForOneStrategy(
    Func<Exception, Directive>? decider = null,
    int? maxRestarts = null,
    TimeSpan? window = null,
    RestartBackoff? backoff = null)
    : SupervisorStrategy(decider, maxRestarts, window, backoff)
{
    /// <inheritdoc/>
    public override bool AffectsAllChildren => false;
}

/// <summary>A restart or stop that one child's failure causes takes all its siblings too: for children that cannot work without each other.</summary>
public sealed class AllForOneStrategy(
    Func<Exception, Directive>? decider = null,
    int? maxRestarts = null,
    TimeSpan? window = null,
    RestartBackoff? backoff = null)
    : SupervisorStrategy(decider, maxRestarts, window, backoff)
{
    /// <inheritdoc/>
    public override bool AffectsAllChildren => true;
}
