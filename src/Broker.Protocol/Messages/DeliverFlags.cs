namespace Broker.Protocol;

/// <summary>Flags of DELIVER and GET_OK.</summary>
[Flags]
public enum DeliverFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>It was delivered before and not settled: it may have been processed already.</summary>
    Redelivered = 1,

    /// <summary>It was published as durable.</summary>
    Durable = 2,

    /// <summary>Of DELIVER: it comes from a log, and its offset there is given.</summary>
    Offset = 4,
}
