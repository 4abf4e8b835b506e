namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>How datagrams pass between the loop and the kernel. Each mode falls back to the next at run time if the kernel or the network card refuses it.</summary>
internal enum IoMode
{
    /// <summary>Many packets as one segmented datagram (UDP_SEGMENT, UDP_GRO), several of those per call.</summary>
    Segmented,

    /// <summary>Several datagrams per call (sendmmsg, recvmmsg).</summary>
    Batched,

    /// <summary>One datagram per call.</summary>
    Plain,
}

/// <summary>Settings of the engine that are not part of the port: for tests and for diagnosis in the field.</summary>
internal sealed record EngineOptions
{
    /// <summary>The mode to begin with. Default: the environment's BROKER_QUIC_IO (<c>gso</c>, <c>mmsg</c>, <c>plain</c>), else <see cref="IoMode.Segmented"/>.</summary>
    public IoMode Io { get; init; } = Environment.GetEnvironmentVariable("BROKER_QUIC_IO") switch
    {
        "mmsg" => IoMode.Batched,
        "plain" => IoMode.Plain,
        _ => IoMode.Segmented,
    };

    /// <summary>Tests: decides for each received datagram whether the network lost it.</summary>
    public Func<bool>? Lose { get; init; }

    /// <summary>Tests: the error that the first segmented send meets, as a network card without checksum offload gives EIO; 0: none.</summary>
    public int FirstSegmentedSendError { get; init; }
}
