namespace Broker.Protocol;

/// <summary>
/// Every bound of the wire format in one place (docs/protocol.md, section 13). A decoder checks a length against its bound before it allocates or waits.
/// </summary>
public static class ProtocolLimits
{
    /// <summary>Bytes of UTF-8 in a name: exchange, queue, routing key, consumer tag, header name and the like.</summary>
    public const int MaxNameBytes = 255;

    /// <summary>Bytes of UTF-8 in a reason or an admin message. An encoder cuts longer ones at a character.</summary>
    public const int MaxReasonBytes = 1024;

    /// <summary>Default for the largest message (exchange, routing key, properties and body together): 16 MiB.</summary>
    public const int DefaultMaxMessageBytes = 16 << 20;

    /// <summary>Room for a frame's own fields around a message; the largest frame payload is the largest message plus this.</summary>
    public const int FrameOverheadBytes = 1024;

    /// <summary>Default for the largest payload of a frame that carries a message.</summary>
    public const int DefaultMaxFrameBytes = DefaultMaxMessageBytes + FrameOverheadBytes;

    /// <summary>Smallest value that either side may announce as its largest message.</summary>
    public const int MinMaxMessageBytes = 1 << 10;

    /// <summary>Largest value that either side may announce as its largest message: 1 GiB.</summary>
    public const int MaxMaxMessageBytes = 1 << 30;

    /// <summary>Largest payload of a frame that carries no message, but for ADMIN_REQUEST: 1 MiB.</summary>
    public const int MaxControlFrameBytes = 1 << 20;

    /// <summary>Largest payload of ADMIN_REQUEST, which may carry a whole file: 16 MiB.</summary>
    public const int MaxAdminRequestBytes = 16 << 20;

    /// <summary>Largest payload of HELLO and WELCOME: what a peer may send before anything is known of it.</summary>
    public const int MaxHelloBytes = 4096;

    /// <summary>Encoded bytes of a message's properties, headers included.</summary>
    public const int MaxPropertiesBytes = 64 << 10;

    /// <summary>Encoded bytes of a table.</summary>
    public const int MaxTableBytes = 64 << 10;

    /// <summary>Entries of a table, and items of one list in it.</summary>
    public const int MaxTableEntries = 1024;

    /// <summary>How deep lists nest in a table: a list in a list in an entry is depth 2.</summary>
    public const int MaxTableDepth = 4;

    /// <summary>Ranges in one CONFIRM, SETTLE or SETTLED.</summary>
    public const int MaxRanges = 4096;

    /// <summary>Largest timestamp in milliseconds since the Unix epoch: the last of the year 9999.</summary>
    public const ulong MaxTimestampMs = 253_402_300_799_999;

    /// <summary>Largest expiration or delay in milliseconds: 100 years of 365.25 days.</summary>
    public const ulong MaxDurationMs = 3_155_760_000_000;

    /// <summary>Largest credit, in messages or bytes, that one frame may give.</summary>
    public const ulong MaxCredit = 1UL << 40;
}
