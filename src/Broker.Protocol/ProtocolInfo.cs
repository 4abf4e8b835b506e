namespace Broker.Protocol;

/// <summary>The names under which the protocol is negotiated (docs/protocol.md, section 1).</summary>
public static class ProtocolInfo
{
    /// <summary>The TLS application protocol (RFC 7301) of everything in this namespace.</summary>
    public const string Alpn = "broker/1";

    /// <summary>The revision carried in HELLO and WELCOME. A change of any frame's bytes changes this number.</summary>
    public const ulong Version = 1;

    /// <summary>The UDP port that a node listens on unless it is told otherwise.</summary>
    public const int DefaultPort = 7400;

    /// <summary>The vhost of a client that names none.</summary>
    public const string DefaultVhost = "/";
}
