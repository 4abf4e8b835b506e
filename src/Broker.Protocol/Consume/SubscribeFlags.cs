namespace Broker.Protocol;

/// <summary>Flags of SUBSCRIBE.</summary>
[Flags]
public enum SubscribeFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>No other consumer on this queue.</summary>
    Exclusive = 1,

    /// <summary>Each message is settled by sending it; SETTLE is not allowed.</summary>
    NoAck = 2,

    /// <summary>Answer settlements with SETTLED once they are in effect.</summary>
    ConfirmSettles = 4,
}
