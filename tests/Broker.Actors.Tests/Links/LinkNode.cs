using System.Net;
using Broker.Actors.Connections;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Protocol.Links;
using Broker.Transport;

namespace Broker.Actors.Tests.Links;

/// <summary>A node as far as its links go: the real listener with the protocols of nodes and clients, and links to others.</summary>
internal sealed class LinkNode
{
    private readonly ActorSystem _system;
    private readonly IQuicTransport _transport;
    private readonly ActorRef _actor;

    private LinkNode(ActorSystem system, IQuicTransport transport, LinkIdentity identity, NodeLinkOptions options, IQuicListener listener)
    {
        _system = system;
        _transport = transport;
        Identity = identity;
        Options = options;
        Listener = listener;
        Services = new NodeServices(new BrokerServerOptions { NodeId = identity.Life.Node, ClusterName = identity.Cluster }) { IsServing = true };
        Protocol = new NodeLinkProtocol(() => identity, options, Receivers);
        IApplicationProtocol[] protocols = [Protocol, new BrokerProtocol()];
        _actor = system.ActorOf(Props.Create(() => new ListenerActor(listener, protocols.ToDictionary(p => p.Alpn), Services)), $"{identity.Life.Node}-{identity.Life.Incarnation}");
    }

    public LinkIdentity Identity { get; }

    public NodeLinkOptions Options { get; }

    public IQuicListener Listener { get; }

    public NodeServices Services { get; }

    public NodeLinkProtocol Protocol { get; }

    public ShardReceivers Receivers { get; } = new();

    public IPEndPoint EndPoint => Listener.LocalEndPoint;

    public static async Task<LinkNode> ListenAsync(
        ActorSystem system, IQuicTransport transport, string name, long incarnation, IPEndPoint endPoint, string cluster = "broker", NodeLinkOptions? options = null, QuicTlsOptions? tls = null)
    {
        var listener = await transport.ListenAsync(new QuicListenerOptions
        {
            EndPoint = endPoint,
            Tls = tls ?? LinkCertificates.Listener(name),
            ApplicationProtocols = [LinkInfo.Alpn, "broker/1"],
            InlineContinuations = true,
            StreamReceiveWindow = 256 << 10,
            ConnectionReceiveWindow = 256 * 256 << 10, // of all streams, as the broker's listener has it
        });
        var identity = new LinkIdentity(cluster, new NodeLife(name, incarnation), StoreOf(name));
        return new LinkNode(system, transport, identity, options ?? new NodeLinkOptions(), listener);
    }

    public static Guid StoreOf(string name) => new(name.PadRight(16).Take(16).Select(c => (byte)c).ToArray());

    /// <summary>Starts a link to another node.</summary>
    public (ActorRef Actor, LinkStatus Status) Dial(string node, IPEndPoint endPoint, QuicTlsOptions? tls = null, int seed = 1)
    {
        var status = new LinkStatus(node);
        var client = new QuicClientOptions
        {
            EndPoint = endPoint,
            ServerName = "localhost",
            Tls = tls ?? LinkCertificates.Dialler(Identity.Life.Node),
            ApplicationProtocols = [LinkInfo.Alpn],
            SendBufferSize = 128 << 10,
        };
        var actor = _system.ActorOf(
            Props.Create(() => new NodeLinkActor(status, client, _transport, Identity, Options, Services, new Random(seed))),
            $"{Identity.Life.Node}-{Identity.Life.Incarnation}-to-{node}");
        return (actor, status);
    }

    /// <summary>Ends as a process does that is told to: its connections are closed.</summary>
    public async Task StopAsync()
    {
        await Listener.DisposeAsync();
        _system.Stop(_actor);
    }
}
