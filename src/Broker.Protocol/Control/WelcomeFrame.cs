using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>WELCOME (docs/protocol.md, section 6): the server has accepted the client; other streams are read from now on.</summary>
public sealed record WelcomeFrame : IFrame
{
    /// <summary>Revision of the protocol. Default <see cref="ProtocolInfo.Version"/>.</summary>
    public ulong Version { get; init; } = ProtocolInfo.Version;

    /// <summary>The node that answered.</summary>
    public required string NodeId { get; init; }

    /// <summary>Version of the server's software.</summary>
    public string ProductVersion { get; init; } = "";

    /// <summary>The cluster's name.</summary>
    public string ClusterName { get; init; } = "";

    /// <summary>The name that the server knows this client by: the user of its certificate.</summary>
    public string Identity { get; init; } = "";

    /// <summary>Number of this connection in the server's lists and logs.</summary>
    public ulong ConnectionId { get; init; }

    /// <summary>Longest frame payload that the server accepts, in bytes; at least <see cref="MaxMessageBytes"/> + 1,024.</summary>
    public int MaxFrameBytes { get; init; } = ProtocolLimits.DefaultMaxFrameBytes;

    /// <summary>Longest message that the server accepts, in bytes.</summary>
    public int MaxMessageBytes { get; init; } = ProtocolLimits.DefaultMaxMessageBytes;

    /// <summary>Reads a payload.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out WelcomeFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var version = AnnouncedLimits.ReadVersion(ref reader);
        var result = new WelcomeFrame
        {
            Version = version,
            NodeId = reader.Name("node id"),
            ProductVersion = reader.Name("product version"),
            ClusterName = reader.Name("cluster name"),
            Identity = reader.Name("identity"),
            ConnectionId = reader.Number("connection id"),
            MaxFrameBytes = AnnouncedLimits.ReadMaxFrame(ref reader),
            MaxMessageBytes = AnnouncedLimits.ReadMaxMessage(ref reader),
        };
        AnnouncedLimits.Check(ref reader, result.MaxFrameBytes, result.MaxMessageBytes);
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Welcome, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(Version);
        writer.Name(nameof(NodeId), NodeId);
        writer.Name(nameof(ProductVersion), ProductVersion);
        writer.Name(nameof(ClusterName), ClusterName);
        writer.Name(nameof(Identity), Identity);
        writer.Number(ConnectionId);
        writer.Number(MaxFrameBytes);
        writer.Number(MaxMessageBytes);
    }
}
