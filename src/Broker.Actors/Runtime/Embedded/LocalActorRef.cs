namespace Broker.Actors.Runtime.Embedded;

/// <summary>The ref of a cell, over all its restarts.</summary>
internal sealed class LocalActorRef : EmbeddedRef
{
    private readonly Mailbox _mailbox;

    public LocalActorRef(ActorPath path, Mailbox mailbox)
    {
        Path = path;
        _mailbox = mailbox;
    }

    public override ActorPath Path { get; }

    public ActorCell Cell => _mailbox.Cell;

    public override void Tell(object message, ActorRef? sender = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        _mailbox.Post(message, sender);
    }

    public override void SendSystem(SystemMessage message)
    {
        if (!_mailbox.PostSystem(message))
        {
            AnswerAsDead(message);
        }
    }

    protected internal override Task<object> AskCoreAsync(
        object message, TimeSpan timeout, CancellationToken cancellationToken) =>
        AskRef.AskAsync(Cell.EmbeddedSystem, this, message, timeout, cancellationToken);
}
