namespace Broker.Protocol;

/// <summary>Flags of DELETE_EXCHANGE.</summary>
[Flags]
public enum DeleteExchangeFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Refuse with PRECONDITION_FAILED while something is bound to it.</summary>
    IfUnused = 1,
}
