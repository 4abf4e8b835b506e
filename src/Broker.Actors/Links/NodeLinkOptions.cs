using Broker.Protocol;

namespace Broker.Actors.Links;

/// <summary>Times and bounds of a node's links. <see cref="Validate"/> checks how they relate.</summary>
public sealed record NodeLinkOptions
{
    /// <summary>Time between two pings. Default 50 ms; more than zero.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Silence after which a peer is taken for dead, also the time that it has for LINK_WELCOME. Default 500 ms; at least three pings.</summary>
    public TimeSpan SuspicionTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Time that a peer has for the QUIC handshake. Default 2 s: room for a lost first packet, which is sent again after 1 s (RFC 9002, section 6.2.2).</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Wait before the first new attempt. Each further one in a row waits twice as long. Default 50 ms; more than zero.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest wait before jitter. A link that was up for so long starts over at <see cref="MinBackoff"/>. Default 2 s.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Greatest share of a wait that is added at random, 0 to 1. Default 0.2.</summary>
    public double BackoffJitter { get; init; } = 0.2;

    /// <summary>Longest payload of a SHARD_MESSAGE that this node takes, in bytes. Default 16 MiB and 1 KiB, as for clients; 2 KiB to 1 GiB and 1 KiB.</summary>
    public int MaxFrameBytes { get; init; } = ProtocolLimits.DefaultMaxFrameBytes;

    /// <summary>
    /// Room of one shard's sender, in bytes as <see cref="ShardCost"/> counts them. Its last message may exceed it, so a sender holds at most this and one message. Default 1 MiB; 4 KiB to 64 MiB.
    /// </summary>
    public int SendRoomBytes { get; init; } = 1 << 20;

    /// <summary>
    /// What a shard's receiver may have before it of one other node and not have taken yet, counted likewise. Default 256 KiB, which is 2,048 messages at most, so that a mailbox of 10,000
    /// has room for four nodes; 4 KiB to 64 MiB.
    /// </summary>
    public int ReceiveRoomBytes { get; init; } = 256 << 10;

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Check(
            PingInterval > TimeSpan.Zero && SuspicionTimeout >= PingInterval * 3,
            $"SuspicionTimeout {SuspicionTimeout} must be at least three times PingInterval {PingInterval}, which must be positive");
        Check(DialTimeout > TimeSpan.Zero, $"DialTimeout {DialTimeout} must be positive");
        Check(MinBackoff > TimeSpan.Zero && MaxBackoff >= MinBackoff, $"MaxBackoff {MaxBackoff} must be at least MinBackoff {MinBackoff}, which must be positive");
        Check(BackoffJitter is >= 0 and <= 1, $"BackoffJitter {BackoffJitter} must be between 0 and 1");
        const int overhead = ProtocolLimits.FrameOverheadBytes;
        Check(
            MaxFrameBytes is >= ProtocolLimits.MinMaxMessageBytes + overhead and <= ProtocolLimits.MaxMaxMessageBytes + overhead,
            $"MaxFrameBytes {MaxFrameBytes} must be between 2 KiB and 1 GiB + 1 KiB");
        Check(SendRoomBytes is >= 4 << 10 and <= 64 << 20, $"SendRoomBytes {SendRoomBytes} must be between 4 KiB and 64 MiB");
        Check(ReceiveRoomBytes is >= 4 << 10 and <= 64 << 20, $"ReceiveRoomBytes {ReceiveRoomBytes} must be between 4 KiB and 64 MiB");
    }

    private static void Check(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException(otherwise);
        }
    }
}
