using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary><c>broker/1</c>, the broker's own protocol (docs/protocol.md).</summary>
internal sealed class BrokerProtocol : IApplicationProtocol
{
    public string Alpn => ProtocolInfo.Alpn;

    public Props ConnectionProps(IQuicConnection connection, PeerIdentity identity, NodeServices node) =>
        Props.Create(() => new BrokerConnectionActor(connection, identity, node));
}
