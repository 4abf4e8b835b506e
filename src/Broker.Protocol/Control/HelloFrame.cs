using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol;

/// <summary>HELLO (docs/protocol.md, section 6): who the client is and what it accepts.</summary>
public sealed record HelloFrame : IFrame
{
    /// <summary>Revision of the protocol. Default <see cref="ProtocolInfo.Version"/>.</summary>
    public ulong Version { get; init; } = ProtocolInfo.Version;

    /// <summary>The client library or program, for lists of connections; at most 255 bytes of UTF-8.</summary>
    public required string ClientName { get; init; }

    /// <summary>Its version; at most 255 bytes of UTF-8.</summary>
    public string ClientVersion { get; init; } = "";

    /// <summary>The vhost that everything on this connection is in. Default <c>/</c>.</summary>
    public string Vhost { get; init; } = ProtocolInfo.DefaultVhost;

    /// <summary>Longest frame payload that the client accepts, in bytes; at least <see cref="MaxMessageBytes"/> + 1,024.</summary>
    public int MaxFrameBytes { get; init; } = ProtocolLimits.DefaultMaxFrameBytes;

    /// <summary>Longest message that the client accepts, in bytes.</summary>
    public int MaxMessageBytes { get; init; } = ProtocolLimits.DefaultMaxMessageBytes;

    /// <summary>Reads a payload. A revision other than this one is an <see cref="ErrorCode.UnsupportedVersion"/> fault whatever follows it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out HelloFrame? frame, out FrameFault fault)
    {
        var reader = new PayloadReader(payload);
        var version = AnnouncedLimits.ReadVersion(ref reader);
        var result = new HelloFrame
        {
            Version = version,
            ClientName = reader.Name("client name"),
            ClientVersion = reader.Name("client version"),
            Vhost = reader.Name("vhost"),
            MaxFrameBytes = AnnouncedLimits.ReadMaxFrame(ref reader),
            MaxMessageBytes = AnnouncedLimits.ReadMaxMessage(ref reader),
        };
        AnnouncedLimits.Check(ref reader, result.MaxFrameBytes, result.MaxMessageBytes);
        frame = reader.End(out fault) ? result : null;
        return frame is not null;
    }

    /// <summary>Writes the whole frame.</summary>
    public void Write(IBufferWriter<byte> writer) => FrameWriter.Write(writer, FrameType.Hello, this);

    void IFrame.WritePayload(ref PayloadWriter writer)
    {
        writer.Number(Version);
        writer.Name(nameof(ClientName), ClientName);
        writer.Name(nameof(ClientVersion), ClientVersion);
        writer.Name(nameof(Vhost), Vhost);
        writer.Number(MaxFrameBytes);
        writer.Number(MaxMessageBytes);
    }
}
