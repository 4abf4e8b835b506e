namespace Broker.Protocol;

/// <summary>Flags of DECLARE_QUEUE.</summary>
[Flags]
public enum DeclareQueueFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Survives a restart.</summary>
    Durable = 1,

    /// <summary>Only for this connection, and deleted with it.</summary>
    Exclusive = 2,

    /// <summary>Deleted when its last consumer goes.</summary>
    AutoDelete = 4,

    /// <summary>Only check that it exists and report its counts; nothing else is compared.</summary>
    Passive = 8,
}
