namespace Broker.Protocol;

/// <summary>Why bytes were refused. Decoders return this instead of throwing, because a peer's bytes are never a programmer's error.</summary>
/// <param name="Code">What to send back as the stream's error.</param>
/// <param name="Reason">What is wrong, for the peer's log; it names the field.</param>
public readonly record struct FrameFault(ErrorCode Code, string Reason)
{
    internal static FrameFault Malformed(string reason) => new(ErrorCode.ProtocolViolation, reason);
}
