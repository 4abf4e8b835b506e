namespace Broker.Actors.Runtime;

/// <summary>To a watcher: the actor has stopped and its name is free. Sent by the system alone.</summary>
/// <param name="Actor">Who stopped.</param>
public sealed record Terminated(ActorRef Actor);

/// <summary>To an actor that has set a receive timeout: no message came for that long.</summary>
public sealed class ReceiveTimeout
{
    private ReceiveTimeout()
    {
    }

    /// <summary>The one instance.</summary>
    public static ReceiveTimeout Instance { get; } = new();
}

/// <summary>Stops the actor that takes it from its mailbox, after the messages that were told before it.</summary>
public sealed class PoisonPill
{
    private PoisonPill()
    {
    }

    /// <summary>The one instance.</summary>
    public static PoisonPill Instance { get; } = new();
}

/// <summary>An answer that faults the asker's task.</summary>
/// <param name="Exception">What <see cref="AskExtensions.AskAsync"/> throws.</param>
public sealed record Failure(Exception Exception);

/// <summary>Why a message was not delivered.</summary>
public enum DeadLetterReason
{
    /// <summary>The receiver has stopped, or there never was one.</summary>
    NoReceiver,

    /// <summary>The receiver's mailbox was full.</summary>
    MailboxFull,

    /// <summary>A buffer on the way, such as the one of a passivating entity, was full.</summary>
    BufferFull,
}

/// <summary>On the <see cref="EventStream"/>: a message that was not delivered.</summary>
/// <param name="Message">What was told.</param>
/// <param name="Sender">Who told it.</param>
/// <param name="Recipient">Whom it was meant for.</param>
/// <param name="Reason">Why it was not delivered.</param>
public sealed record DeadLetter(object Message, ActorRef Sender, ActorRef Recipient, DeadLetterReason Reason);

/// <summary>On the <see cref="EventStream"/>: a message that its receiver does not know.</summary>
/// <param name="Message">What was told.</param>
/// <param name="Sender">Who told it.</param>
/// <param name="Recipient">Who did not know it.</param>
public sealed record UnhandledMessage(object Message, ActorRef Sender, ActorRef Recipient);
