namespace Broker.Protocol;

/// <summary>Flags of PUBLISH.</summary>
[Flags]
public enum PublishFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Return the message if no queue takes it.</summary>
    Mandatory = 1,

    /// <summary>Keep the message across a restart, in queues that survive one.</summary>
    Durable = 2,
}
