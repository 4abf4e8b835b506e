namespace Broker.Protocol;

/// <summary>Flags of GET.</summary>
[Flags]
public enum GetFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The message is settled by sending it.</summary>
    NoAck = 1,
}
