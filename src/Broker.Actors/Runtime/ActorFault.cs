namespace Broker.Actors.Runtime;

/// <summary>What went wrong, for the host to log.</summary>
public enum ActorFaultKind
{
    /// <summary>An actor failed; <see cref="ActorFault.Directive"/> says what its supervisor decided.</summary>
    Failure,

    /// <summary>An exception in a call whose result changes nothing (PostStop, PreRestart, an event handler, a piped result).</summary>
    Ignored,

    /// <summary>
    /// A mailbox was full and messages became dead letters. Reported once for each time that it fills up; the metric counts every message.
    /// </summary>
    MailboxOverflow,
}

/// <summary>A fault inside the actor system.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Path">Whose fault it is.</param>
/// <param name="TypeName">Type name of that actor.</param>
/// <param name="Exception"><c>null</c> for an overflow.</param>
/// <param name="Directive">The supervisor's decision, for a failure.</param>
public sealed record ActorFault(
    ActorFaultKind Kind, ActorPath Path, string TypeName, Exception? Exception, Directive? Directive);
