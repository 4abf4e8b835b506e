namespace Broker.Actors.Runtime;

/// <summary>What an engine calls on an <see cref="Actor"/>. Nobody else does.</summary>
public interface IActorHooks
{
    /// <summary>Gives the instance its context, once, straight after construction.</summary>
    void Bind(IActorContext context);

    /// <inheritdoc cref="Actor.Receive"/>
    void Receive(object message);

    /// <inheritdoc cref="Actor.AfterBatch"/>
    void AfterBatch();

    /// <inheritdoc cref="Actor.PreStart"/>
    void PreStart();

    /// <inheritdoc cref="Actor.PostStop"/>
    void PostStop();

    /// <inheritdoc cref="Actor.PreRestart"/>
    void PreRestart(Exception reason, object? message);

    /// <inheritdoc cref="Actor.PostRestart"/>
    void PostRestart(Exception reason);

    /// <inheritdoc cref="Actor.SupervisorStrategy"/>
    SupervisorStrategy SupervisorStrategy { get; }
}
