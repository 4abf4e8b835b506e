namespace Broker.Protocol.Links;

/// <summary>Who a node is, as it tells the other end of a link in LINK_HELLO or LINK_WELCOME.</summary>
public sealed record LinkGreeting
{
    /// <summary>Revision of the protocol. Default <see cref="LinkInfo.Version"/>.</summary>
    public ulong Version { get; init; } = LinkInfo.Version;

    /// <summary>Which cluster the node belongs to; at most 255 bytes of UTF-8. Both ends must say the same.</summary>
    public required string Cluster { get; init; }

    /// <summary>The node's name; 1 to 255 bytes of UTF-8. It is the common name of the node's certificate.</summary>
    public required string Node { get; init; }

    /// <summary>Which life of the node this is: a number that no other life of any node has.</summary>
    public required long Incarnation { get; init; }

    /// <summary>Number of the store on the node's disk.</summary>
    public required Guid Store { get; init; }

    /// <summary>Longest frame payload that the node accepts on a shard's stream, in bytes: 2,048 to 1 GiB and 1,024.</summary>
    public int MaxFrameBytes { get; init; } = ProtocolLimits.DefaultMaxFrameBytes;

    internal static LinkGreeting Read(ref PayloadReader reader)
    {
        var version = reader.Number("version");
        if (version != LinkInfo.Version)
        {
            reader.Fail(ErrorCode.UnsupportedVersion, $"version: {version} is not spoken here; use {LinkInfo.Version}");
        }

        var greeting = new LinkGreeting
        {
            Version = version,
            Cluster = reader.Name("cluster"),
            Node = reader.Name("node"),
            Incarnation = (long)reader.UInt64("incarnation"),
            Store = reader.Guid("store"),
            MaxFrameBytes = AnnouncedLimits.ReadMaxFrame(ref reader),
        };
        if (!reader.Failed && greeting.Node.Length == 0)
        {
            reader.Fail("node: empty");
        }

        return greeting;
    }

    internal void Write(ref PayloadWriter writer)
    {
        writer.Number(Version);
        writer.Name(nameof(Cluster), Cluster);
        writer.Name(nameof(Node), Node);
        writer.UInt64((ulong)Incarnation);
        writer.Guid(Store);
        writer.Number(MaxFrameBytes);
    }
}
