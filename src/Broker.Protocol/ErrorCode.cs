namespace Broker.Protocol;

/// <summary>
/// Why a stream, a connection or an operation failed (docs/protocol.md, section 12). The numbers are stable and serve as QUIC application error codes as well.
/// <see cref="ErrorTable"/> has the meaning of each. A peer may send a number that is not listed here; treat it as final.
/// </summary>
public enum ErrorCode : long
{
    /// <summary>Nothing is wrong; an orderly end.</summary>
    NoError = 0,

    /// <summary>The sender of the code failed; its log says how.</summary>
    InternalError = 1,

    /// <summary>Malformed bytes, or a frame that is not allowed here.</summary>
    ProtocolViolation = 2,

    /// <summary>A frame's length is over the limit.</summary>
    FrameTooLarge = 3,

    /// <summary>A frame type that this kind of stream does not have.</summary>
    UnknownFrame = 4,

    /// <summary>A stream kind that the server does not have.</summary>
    UnknownStreamKind = 5,

    /// <summary>A protocol revision that the server does not speak.</summary>
    UnsupportedVersion = 6,

    /// <summary>A limit of the protocol or of the configuration is exceeded.</summary>
    LimitExceeded = 7,

    /// <summary>The client's identity lacks the permission.</summary>
    AccessRefused = 8,

    /// <summary>No such vhost, exchange, queue, binding or command.</summary>
    NotFound = 9,

    /// <summary>It exists with other properties, is in use, or is not empty.</summary>
    PreconditionFailed = 10,

    /// <summary>Another connection or consumer has it exclusively.</summary>
    ResourceLocked = 11,

    /// <summary>A well-formed argument with a value that cannot be.</summary>
    InvalidArgument = 12,

    /// <summary>A mandatory message that no queue takes.</summary>
    Unroutable = 13,

    /// <summary>A message over the negotiated limit.</summary>
    MessageTooLarge = 14,

    /// <summary>The queue that was consumed is gone.</summary>
    QueueDeleted = 15,

    /// <summary>The node is stopping.</summary>
    ShuttingDown = 16,

    /// <summary>Another node leads this queue or exchange.</summary>
    NotLeader = 17,

    /// <summary>Too few replicas, or a part of the cluster is out of reach.</summary>
    Unavailable = 18,

    /// <summary>No HELLO in time.</summary>
    HandshakeTimeout = 19,

    /// <summary>Memory, disk or another resource is short for now.</summary>
    ResourceExhausted = 20,

    /// <summary>A delivery tag that was never delivered on this stream or is settled already.</summary>
    UnknownDeliveryTag = 21,

    /// <summary>The client abandoned the operation.</summary>
    Cancelled = 22,
}
