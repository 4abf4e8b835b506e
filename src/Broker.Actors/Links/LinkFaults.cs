using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Links;

/// <summary>What both ends of a link say about frames that they do not take.</summary>
internal static class LinkFaults
{
    /// <summary>A frame that does not exist, or not on this stream, from this side or at this moment.</summary>
    public static FrameFault Unexpected(FrameType type, string stream) => Enum.IsDefined((LinkFrameType)type)
        ? new FrameFault(ErrorCode.ProtocolViolation, $"LINK frame type 0x{(ulong)type:x2} is not allowed now on a {stream} stream")
        : new FrameFault(ErrorCode.UnknownFrame, $"there is no frame type 0x{(ulong)type:x2} on a link");
}
