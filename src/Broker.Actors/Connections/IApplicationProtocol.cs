using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>A protocol that clients speak to the broker, chosen by ALPN when a connection is accepted.</summary>
internal interface IApplicationProtocol
{
    /// <summary>The name that TLS negotiates (RFC 7301).</summary>
    string Alpn { get; }

    /// <summary>The actor that runs one connection. It owns the connection and disposes it when it stops.</summary>
    Props ConnectionProps(IQuicConnection connection, PeerIdentity identity, NodeServices node);
}
