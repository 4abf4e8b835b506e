namespace Broker.Protocol;

/// <summary>Flags of DECLARE_EXCHANGE.</summary>
[Flags]
public enum DeclareExchangeFlags : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Survives a restart.</summary>
    Durable = 1,

    /// <summary>Deleted when its last binding goes.</summary>
    AutoDelete = 2,

    /// <summary>Takes messages from other exchanges only.</summary>
    Internal = 4,

    /// <summary>Only check that it exists; nothing else is compared.</summary>
    Passive = 8,
}
