using Broker.Protocol;

namespace Broker.Machines.Publishing;

/// <summary>Bounds of one publish stream.</summary>
public sealed record PublishStreamLimits
{
    /// <summary>Bytes that queues may not have accepted yet before the stream is no longer read. Default 2 MiB.</summary>
    public long MaxOutstandingBytes { get; init; } = 2 << 20;

    /// <summary>Messages, likewise: small ones cost memory beyond their bytes. Default 16,384.</summary>
    public int MaxOutstandingMessages { get; init; } = 16_384;

    /// <summary>Bytes of a message's encoding. Default 16 MiB.</summary>
    public int MaxMessageBytes { get; init; } = ProtocolLimits.DefaultMaxMessageBytes;

    /// <summary>Size of the blocks that messages are copied to. Default 64 KiB: below the size at which .NET would put them on the large object heap.</summary>
    public int MaxBlockBytes { get; init; } = 64 << 10;
}
