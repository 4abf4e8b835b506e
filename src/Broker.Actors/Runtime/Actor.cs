namespace Broker.Actors.Runtime;

/// <summary>
/// Base of all actors: private state, one message at a time. Handlers are synchronous; asynchronous work comes back as a message through
/// <see cref="IActorContext.PipeTo"/>.
/// </summary>
/// <remarks>
/// <para>Life: constructor, <see cref="PreStart"/>, any number of <see cref="Receive"/>, <see cref="PostStop"/>. On a restart the old instance
/// gets <see cref="PreRestart"/>, a new one comes from <see cref="Props"/> and gets <see cref="PostRestart"/>; the ref, the mailbox and the
/// watches stay, timers end.</para>
/// <para>Every call comes with a happens-before edge from the one before it, from changing threads. <see cref="Context"/> is not available in the
/// constructor.</para>
/// </remarks>
public abstract class Actor : IActorHooks
{
    private IActorContext? _context;

    /// <summary>The actor's surroundings. Only for use inside this actor's own calls.</summary>
    /// <exception cref="InvalidOperationException">Used in the constructor.</exception>
    protected IActorContext Context =>
        _context ?? throw new InvalidOperationException("Context is not available in an actor's constructor; use PreStart.");

    /// <summary>This actor's ref.</summary>
    protected ActorRef Self => Context.Self;

    /// <summary>Sender of the message that is being handled; <see cref="ActorSystem.DeadLetters"/> if it named none.</summary>
    protected ActorRef Sender => Context.Sender;

    /// <summary>How failures of children are answered. Read once per instance. Default: <see cref="SupervisorStrategy.Default"/>.</summary>
    protected virtual SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Default;

    /// <summary>Handles one message. An exception is a failure that the parent's <see cref="SupervisorStrategy"/> decides on.</summary>
    protected abstract void Receive(object message);

    /// <summary>
    /// Called after at least one message and before the actor gives its thread back, to flush output once per batch. An engine may call it after each
    /// message. It is called before the actor stops, and not for a batch that ended in a failure. An exception is a failure.
    /// </summary>
    protected virtual void AfterBatch()
    {
    }

    /// <summary>Before the first message. An exception is an <see cref="ActorInitializationException"/>.</summary>
    protected virtual void PreStart()
    {
    }

    /// <summary>After the last message, when all children have stopped. An exception is reported and the stop goes on.</summary>
    protected virtual void PostStop()
    {
    }

    /// <summary>On the failed instance, before its successor exists. Default: stops all children and calls <see cref="PostStop"/>.</summary>
    /// <param name="reason">The failure.</param>
    /// <param name="message">The message that was handled when it happened, if any. It is lost unless told again.</param>
    protected virtual void PreRestart(Exception reason, object? message)
    {
        foreach (var child in Context.Children)
        {
            Context.Stop(child);
        }

        PostStop();
    }

    /// <summary>On the new instance after a restart. Default: <see cref="PreStart"/>.</summary>
    protected virtual void PostRestart(Exception reason) => PreStart();

    /// <summary>
    /// For messages that <see cref="Receive"/> does not know: publishes an <see cref="UnhandledMessage"/>.
    /// </summary>
    /// <exception cref="DeathPactException">The message is a <see cref="Terminated"/>: who watches must handle the end.</exception>
    protected virtual void Unhandled(object message)
    {
        if (message is Terminated terminated)
        {
            throw new DeathPactException(Self, terminated.Actor);
        }

        Context.System.EventStream.Publish(new UnhandledMessage(message, Sender, Self));
    }

    void IActorHooks.Bind(IActorContext context) => _context = context;

    void IActorHooks.Receive(object message) => Receive(message);

    void IActorHooks.AfterBatch() => AfterBatch();

    void IActorHooks.PreStart() => PreStart();

    void IActorHooks.PostStop() => PostStop();

    void IActorHooks.PreRestart(Exception reason, object? message) => PreRestart(reason, message);

    void IActorHooks.PostRestart(Exception reason) => PostRestart(reason);

    SupervisorStrategy IActorHooks.SupervisorStrategy => SupervisorStrategy;
}
