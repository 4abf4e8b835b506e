namespace Broker.Protocol.Links;

/// <summary>The names under which nodes negotiate their links (docs/cluster.md, "Node links").</summary>
public static class LinkInfo
{
    /// <summary>The TLS application protocol (RFC 7301) of a link from one node to another.</summary>
    public const string Alpn = "broker-node/1";

    /// <summary>The revision carried in LINK_HELLO and LINK_WELCOME. A change of any frame's bytes changes this number.</summary>
    public const ulong Version = 1;

    /// <summary>The highest number of a shard: a cluster has 4,096 at most.</summary>
    public const int MaxShard = 4095;

    /// <summary>In ROUTE_OPEN, in place of a shard: the stream is for inboxes of consumers that are connected to the node which is dialled.</summary>
    public const int InboxRoute = MaxShard + 1;
}
