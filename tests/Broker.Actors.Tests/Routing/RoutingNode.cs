using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Links;
using Broker.Actors.Queues;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Topology;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Machines.Topology;
using Broker.Protocol.Links;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Routing;

/// <summary>A node as far as queues go: clients and other nodes can connect, and who leads a shard is what the test says.</summary>
internal sealed class RoutingNode : IAsyncDisposable
{
    public const int ShardCount = 4;
    private readonly InMemoryTransport _transport;
    private readonly IQuicListener _listener;
    private readonly LinkIdentity _identity;

    private RoutingNode(InMemoryTransport transport, IQuicListener listener, string name, BrokerClusterOptions options)
    {
        _transport = transport;
        _listener = listener;
        _identity = new LinkIdentity("broker", LifeOf(name), LinkNode.StoreOf(name));
        System = EmbeddedActorSystem.Create(name, new ActorSystemOptions { OnFault = f => Faults.Enqueue(f) });
        Services = new NodeServices(new BrokerServerOptions { NodeId = name, ShardCount = ShardCount, Cluster = options }) { IsServing = true };
        NodeStart.StartRegions(System, Services);
        Services.Topology = System.ActorOf(Props.Create(() => new Declared(this)), "topology");
    }

    public EmbeddedActorSystem System { get; }

    public NodeServices Services { get; }

    public ClusterServices Cluster => Services.Cluster!;

    public string Name => Services.Options.NodeId;

    public global::System.Collections.Concurrent.ConcurrentQueue<ActorFault> Faults { get; } = new();

    /// <summary>What is declared; a topology starts the queues of a shard that is reset.</summary>
    public global::System.Collections.Concurrent.ConcurrentDictionary<string, QueueDefinition> Definitions { get; } = new();

    public static NodeLife LifeOf(string name) => new(name, 100 + (name[^1] - '0'));

    public static async Task<RoutingNode> StartAsync(InMemoryTransport transport, string name, TimeSpan patience)
    {
        var listener = await transport.ListenAsync(new QuicListenerOptions
        {
            EndPoint = LinkWorld.EndPointOf(name),
            Tls = LinkCertificates.Listener(name),
            ApplicationProtocols = [LinkInfo.Alpn, "broker/1"],
            InlineContinuations = true,
            ConnectionReceiveWindow = 256 * 256 << 10,
        });
        var dial = new QuicClientOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 1),
            ServerName = "localhost",
            Tls = LinkCertificates.Dialler(name),
            ApplicationProtocols = [LinkInfo.Alpn],
            SendBufferSize = 128 << 10,
        };
        var node = new RoutingNode(transport, listener, name, new BrokerClusterOptions { Dial = dial, RoutingPatience = patience });
        await RoutingActor.StartAsync(node.System, node.Services);
        IApplicationProtocol[] protocols = [new NodeLinkProtocol(() => node._identity, new NodeLinkOptions(), new ShardReceivers()), new BrokerProtocol()];
        node.System.ActorOf(Props.Create(() => new ListenerActor(listener, protocols.ToDictionary(p => p.Alpn), node.Services)), "listener");
        return node;
    }

    public void Dial(string other)
    {
        var status = new LinkStatus(other);
        var client = Cluster.Options.Dial with { EndPoint = LinkWorld.EndPointOf(other) };
        var link = System.ActorOf(
            Props.Create(() => new NodeLinkActor(status, client, _transport, _identity, Cluster.Options.Links, Services, new Random(1))), $"link-{other}");
        Cluster.Links.Add(other, link, status);
    }

    public async Task<WireConnection> ConnectAsync()
    {
        var connection = new WireConnection(await _transport.ConnectAsync(new QuicClientOptions
        {
            EndPoint = LinkWorld.EndPointOf(Name),
            ServerName = "localhost",
            Tls = TestCertificates.Client,
            ApplicationProtocols = ["broker/1"],
        }));
        await connection.HelloAsync();
        return connection;
    }

    /// <summary>Ends what other nodes have dialled to this one. They dial again.</summary>
    public async Task BreakLinksAsync()
    {
        foreach (var connection in Services.Connections.Connections.Where(c => c.ClientName.StartsWith("node-", StringComparison.Ordinal)))
        {
            await connection.Connection.CloseAsync(0x1, "the test breaks it");
        }
    }

    public void Tell(string queue, QueueMessage message) => Services.QueueRegion.Tell(new ShardEnvelope(queue, message));

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        await System.TerminateAsync(TimeSpan.FromSeconds(10));
        Assert.Empty(Faults);
    }

    /// <summary>Starts what is declared, and asks the queue that a request is about.</summary>
    private sealed class Declared(RoutingNode node) : Actor
    {
        private readonly Dictionary<long, (ActorRef Requester, string Queue)> _asked = [];
        private long _last;

        protected override void Receive(object message)
        {
            switch (message)
            {
                case TopologyMessage.StartQueues m:
                    foreach (var queue in node.Definitions.Values.Where(q => StableHash.ShardOf(q.Name, ShardCount) == m.Shard))
                    {
                        node.Tell(queue.Name, new QueueMessage.Start(0, queue));
                    }

                    break;
                case TopologyRequest.DeclareQueue m:
                    Ask(m.Name, new QueueMessage.Start(++_last, node.Definitions[m.Name]));
                    break;
                case TopologyRequest.DeleteQueue m:
                    Ask(m.Name, new QueueMessage.Delete(++_last, m.IfUnused, m.IfEmpty));
                    break;
                case QueueReply.Started m when _asked.Remove(m.OperationId, out var declared):
                    declared.Requester.Tell(new TopologyReply(null, declared.Queue, m.ReadyCount, m.ConsumerCount), Self);
                    break;
                case QueueReply.Deleted m when _asked.Remove(m.OperationId, out var deleted):
                    deleted.Requester.Tell(new TopologyReply(null, deleted.Queue, m.MessageCount), Self);
                    break;
                case QueueReply.Refused m when _asked.Remove(m.OperationId, out var refused):
                    refused.Requester.Tell(new TopologyReply(m.Fault), Self);
                    break;
                case QueueReply:
                    break;
                default:
                    Unhandled(message);
                    break;
            }
        }

        private void Ask(string queue, QueueMessage message)
        {
            _asked.Add(_last, (Sender, queue));
            node.Services.QueueRegion.Tell(new ShardEnvelope(queue, message), Self);
        }
    }
}
