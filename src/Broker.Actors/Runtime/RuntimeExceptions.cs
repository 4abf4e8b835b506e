namespace Broker.Actors.Runtime;

/// <summary>An actor's constructor, <see cref="Actor.PreStart"/> or <see cref="Actor.PostRestart"/> failed. The default decision is to stop it.</summary>
public sealed class ActorInitializationException(ActorRef actor, Exception cause)
    : Exception($"{actor.Path} could not start: {cause.Message}", cause)
{
    /// <summary>Who could not start.</summary>
    public ActorRef Actor { get; } = actor;
}

/// <summary>A sibling that has not terminated has the name already.</summary>
public sealed class ActorNameException(ActorPath parent, string name)
    : InvalidOperationException($"{parent} already has a child named '{name}'. A name is free again when its actor has terminated.");

/// <summary>An actor watched another and did not handle its <see cref="Terminated"/>.</summary>
public sealed class DeathPactException(ActorRef watcher, ActorRef dead)
    : Exception($"{watcher.Path} watched {dead.Path} and did not handle its Terminated.")
{
    /// <summary>Who stopped.</summary>
    public ActorRef Dead { get; } = dead;
}

/// <summary>An ask was not answered in time.</summary>
public sealed class AskTimeoutException(ActorRef target, object message, TimeSpan timeout)
    : TimeoutException($"{target.Path} did not answer {message.GetType().Name} within {timeout}.");

/// <summary>An ask became a dead letter.</summary>
public sealed class AskUndeliveredException(ActorRef target, object message, DeadLetterReason reason)
    : Exception($"{message.GetType().Name} was not delivered to {target.Path}: {reason}.")
{
    /// <summary>Why.</summary>
    public DeadLetterReason Reason { get; } = reason;
}
