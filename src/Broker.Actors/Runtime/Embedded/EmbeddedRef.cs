namespace Broker.Actors.Runtime.Embedded;

/// <summary>A ref of this engine: it understands system messages.</summary>
internal abstract class EmbeddedRef : ActorRef
{
    public abstract void SendSystem(SystemMessage message);

    /// <summary>How somebody who is not there answers: a watcher learns at once, everything else has lost its object.</summary>
    protected void AnswerAsDead(SystemMessage message)
    {
        if (message is SystemMessage.Watch watch)
        {
            watch.Watcher.SendSystem(new SystemMessage.DeathNotice(this));
        }
    }
}

/// <summary>
/// Marks a mailbox entry that the engine made (timer, Terminated, receive timeout), so that ordinary messages are told apart by one comparison.
/// </summary>
internal sealed class EngineMark : ActorRef
{
    private EngineMark()
    {
    }

    public static EngineMark Instance { get; } = new();

    public override ActorPath Path => NoSender.Path;

    public override void Tell(object message, ActorRef? sender = null)
    {
    }
}
