namespace Broker.Storage.Segments;

/// <summary>How the segments of queues are made up.</summary>
public sealed record SegmentOptions
{
    /// <summary>Bytes from which on a segment is ended and the next begun. Default 16 MiB; at least 4 KiB.</summary>
    public long SegmentBytes { get; init; } = 16 << 20;

    /// <summary>Bytes of messages in a block, which is what is read at a time; a larger message has one by itself. Default 64 KiB; at least 1 KiB.</summary>
    public int BlockBytes { get; init; } = 64 << 10;

    /// <summary>Messages in a block. Default 1,024; at least 1.</summary>
    public int MaxBlockMessages { get; init; } = 1024;

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        if (SegmentBytes < 4 << 10 || BlockBytes < 1 << 10 || MaxBlockMessages < 1)
        {
            throw new ArgumentException($"segments of {SegmentBytes} bytes with blocks of {BlockBytes} bytes and {MaxBlockMessages} messages; at least 4 KiB, 1 KiB and 1 are needed");
        }
    }
}
