namespace Broker.Protocol.Links;

/// <summary>
/// The type of a frame on a link (docs/cluster.md, "Node links"). The numbers are this protocol's own; ERROR alone has the number and the bytes that it has in <see cref="FrameType"/>.
/// </summary>
public enum LinkFrameType : ulong
{
    /// <summary>Control, by who dials: the first frame of a connection.</summary>
    Hello = 0x01,

    /// <summary>Control, by who accepts: the answer to LINK_HELLO.</summary>
    Welcome = 0x02,

    /// <summary>Shard and route, by who accepts: the stream is over.</summary>
    Error = 0x04,

    /// <summary>Control, by who dials: answer this.</summary>
    Ping = 0x05,

    /// <summary>Control, by who accepts: the answer to LINK_PING.</summary>
    Pong = 0x06,

    /// <summary>Control, by who accepts: how far it has carried out what is declared.</summary>
    Applied = 0x07,

    /// <summary>Shard, by who dials: the first frame of the stream.</summary>
    ShardOpen = 0x10,

    /// <summary>Shard, by who dials: one message.</summary>
    ShardMessage = 0x11,

    /// <summary>Route, by who dials: the first frame of the stream.</summary>
    RouteOpen = 0x12,

    /// <summary>Route, by both: one message.</summary>
    RouteMessage = 0x13,
}
