namespace Broker.Actors.Runtime.Embedded;

/// <summary>Where messages go that have no receiver.</summary>
internal sealed class DeadLetterRef(EmbeddedActorSystem system, ActorPath path) : EmbeddedRef
{
    public override ActorPath Path => path;

    public override bool IsNobody => true;

    public override void Tell(object message, ActorRef? sender = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        system.DeadLetter(message, sender, this, DeadLetterReason.NoReceiver);
    }

    public override void SendSystem(SystemMessage message) => AnswerAsDead(message);

    protected internal override Task<object> AskCoreAsync(
        object message, TimeSpan timeout, CancellationToken cancellationToken) =>
        AskRef.AskAsync(system, this, message, timeout, cancellationToken);
}
