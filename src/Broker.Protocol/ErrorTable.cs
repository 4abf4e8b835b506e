using System.Collections.Frozen;

namespace Broker.Protocol;

/// <summary>What an error ends.</summary>
public enum ErrorScope
{
    /// <summary>Nothing: an orderly end.</summary>
    None,

    /// <summary>One message or one request; the stream goes on.</summary>
    Operation,

    /// <summary>One stream; the connection goes on.</summary>
    Stream,

    /// <summary>The connection.</summary>
    Connection,
}

/// <summary>One row of the error table.</summary>
/// <param name="Code">The number on the wire.</param>
/// <param name="Name">The name in documents and logs, such as <c>NOT_FOUND</c>.</param>
/// <param name="Meaning">One sentence.</param>
/// <param name="Scope">The widest thing that this error ends.</param>
/// <param name="Retryable">Whether the same operation may succeed later or on another node, unchanged.</param>
public sealed record ErrorEntry(ErrorCode Code, string Name, string Meaning, ErrorScope Scope, bool Retryable);

/// <summary>The error table (docs/protocol.md, section 12; a test compares the two).</summary>
public static class ErrorTable
{
    /// <summary>All rows in the order of their numbers.</summary>
    public static IReadOnlyList<ErrorEntry> All { get; } =
    [
        new(ErrorCode.NoError, "NO_ERROR", "Nothing is wrong; an orderly end.", ErrorScope.None, false),
        new(ErrorCode.InternalError, "INTERNAL_ERROR", "The sender of the code failed; its log says how.", ErrorScope.Connection, false),
        new(ErrorCode.ProtocolViolation, "PROTOCOL_VIOLATION", "Malformed bytes, or a frame that is not allowed here.", ErrorScope.Connection, false),
        new(ErrorCode.FrameTooLarge, "FRAME_TOO_LARGE", "A frame's length is over the limit.", ErrorScope.Connection, false),
        new(ErrorCode.UnknownFrame, "UNKNOWN_FRAME", "A frame type that this kind of stream does not have.", ErrorScope.Connection, false),
        new(ErrorCode.UnknownStreamKind, "UNKNOWN_STREAM_KIND", "A stream kind that the server does not have.", ErrorScope.Stream, false),
        new(ErrorCode.UnsupportedVersion, "UNSUPPORTED_VERSION", "A protocol revision that the server does not speak.", ErrorScope.Connection, false),
        new(ErrorCode.LimitExceeded, "LIMIT_EXCEEDED", "A limit of the protocol or of the configuration is exceeded.", ErrorScope.Connection, false),
        new(ErrorCode.AccessRefused, "ACCESS_REFUSED", "The client's identity lacks the permission.", ErrorScope.Connection, false),
        new(ErrorCode.NotFound, "NOT_FOUND", "No such vhost, exchange, queue, binding or command.", ErrorScope.Connection, false),
        new(ErrorCode.PreconditionFailed, "PRECONDITION_FAILED", "It exists with other properties, is in use, or is not empty.", ErrorScope.Stream, false),
        new(ErrorCode.ResourceLocked, "RESOURCE_LOCKED", "Another connection or consumer has it exclusively.", ErrorScope.Stream, false),
        new(ErrorCode.InvalidArgument, "INVALID_ARGUMENT", "A well-formed argument with a value that cannot be.", ErrorScope.Stream, false),
        new(ErrorCode.Unroutable, "UNROUTABLE", "A mandatory message that no queue takes.", ErrorScope.Operation, false),
        new(ErrorCode.MessageTooLarge, "MESSAGE_TOO_LARGE", "A message over the negotiated limit.", ErrorScope.Operation, false),
        new(ErrorCode.QueueDeleted, "QUEUE_DELETED", "The queue that was consumed is gone.", ErrorScope.Stream, false),
        new(ErrorCode.ShuttingDown, "SHUTTING_DOWN", "The node is stopping.", ErrorScope.Connection, true),
        new(ErrorCode.NotLeader, "NOT_LEADER", "Another node leads this queue or exchange.", ErrorScope.Stream, true),
        new(ErrorCode.Unavailable, "UNAVAILABLE", "Too few replicas, or a part of the cluster is out of reach.", ErrorScope.Stream, true),
        new(ErrorCode.HandshakeTimeout, "HANDSHAKE_TIMEOUT", "No HELLO in time.", ErrorScope.Connection, true),
        new(ErrorCode.ResourceExhausted, "RESOURCE_EXHAUSTED", "Memory, disk or another resource is short for now.", ErrorScope.Connection, true),
        new(
            ErrorCode.UnknownDeliveryTag,
            "UNKNOWN_DELIVERY_TAG",
            "A delivery tag that was never delivered on this stream or is settled already.",
            ErrorScope.Stream,
            false),
        new(ErrorCode.Cancelled, "CANCELLED", "The client abandoned the operation.", ErrorScope.Stream, false),
    ];

    private static readonly FrozenDictionary<ErrorCode, ErrorEntry> s_byCode = All.ToFrozenDictionary(static entry => entry.Code);

    /// <summary>The row of a code, or <c>null</c> for a number that this version does not know.</summary>
    public static ErrorEntry? Find(ErrorCode code) => s_byCode.GetValueOrDefault(code);

    /// <summary>The code's name, or <c>ERROR_n</c> for a number that this version does not know.</summary>
    public static string NameOf(ErrorCode code) => Find(code)?.Name ?? $"ERROR_{(long)code}";

    /// <summary>Whether the same operation may succeed later or on another node. An unknown number is final.</summary>
    public static bool IsRetryable(ErrorCode code) => Find(code)?.Retryable ?? false;
}
