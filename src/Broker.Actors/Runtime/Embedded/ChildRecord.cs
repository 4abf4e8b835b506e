namespace Broker.Actors.Runtime.Embedded;

/// <summary>What a supervisor knows of a child. Only the supervisor's turn changes it.</summary>
internal sealed class ChildRecord(LocalActorRef child)
{
    public LocalActorRef Ref { get; } = child;

    /// <summary>The supervisor has stopped it; it is waited for.</summary>
    public bool Stopping { get; set; }

    /// <summary><c>null</c> until the first failure.</summary>
    public RestartHistory? History { get; set; }
}
