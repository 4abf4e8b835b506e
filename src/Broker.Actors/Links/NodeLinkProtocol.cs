using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Links;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary><c>broker-node/1</c>, what nodes of a cluster speak among themselves (docs/cluster.md, "Node links"); this is the side that accepts.</summary>
/// <param name="identity">Who this node is now; <c>null</c> before it has joined its cluster.</param>
/// <param name="options">Times and bounds.</param>
/// <param name="receivers">Who takes what comes for a shard.</param>
internal sealed class NodeLinkProtocol(Func<LinkIdentity?> identity, NodeLinkOptions options, ShardReceivers receivers) : IApplicationProtocol
{
    public string Alpn => LinkInfo.Alpn;

    public LinkIdentity? Identity => identity();

    public NodeLinkOptions Options => options;

    public ShardReceivers Receivers => receivers;

    public InboundLinks Inbound { get; } = new();

    public Props ConnectionProps(IQuicConnection connection, PeerIdentity identity, NodeServices node) =>
        Props.Create(() => new IncomingLinkActor(connection, identity, node, this));
}
