using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Exchanges;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Actors.Topology;
using Broker.Actors.Tests.Nodes;
using Broker.Coordination;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Topology;

/// <summary>A node of a cluster as far as what is declared goes: its topology and its exchanges are real, its queues are not.</summary>
internal sealed class TopologyNode : IAsyncDisposable
{
    private readonly ActorSystem _system;

    private TopologyNode(string name, IMetadataStore shared, TimeProvider time)
    {
        Metadata = new FaultyMetadata(shared);
        _system = EmbeddedActorSystem.Create(name, new ActorSystemOptions { TimeProvider = time, OnFault = f => { lock (Faults) { Faults.Add(f); } } });
        Services = new NodeServices(new BrokerServerOptions
        {
            NodeId = name,
            TimeProvider = time,
            Storage = new BrokerStorageOptions { Store = null!, Metadata = Metadata, Scheduler = null!, OnNotice = n => Notices.Enqueue(n.Text) }, // nothing here touches the disk
            Cluster = new BrokerClusterOptions
            {
                Dial = new QuicClientOptions { EndPoint = new(IPAddress.Loopback, 1), ServerName = "", Tls = TestCertificates.Client, ApplicationProtocols = ["none"] },
            },
        });
    }

    public ActorSystem System => _system;

    public NodeServices Services { get; }

    public FaultyMetadata Metadata { get; }

    public StandInQueues.Script Queues { get; } = new();

    public List<ActorFault> Faults { get; } = [];

    public System.Collections.Concurrent.ConcurrentQueue<string> Notices { get; } = [];

    public static async Task<TopologyNode> StartAsync(string name, IMetadataStore shared, TimeProvider? time = null)
    {
        var node = new TopologyNode(name, shared, time ?? TimeProvider.System);
        var services = node.Services;
        services.ExchangeRegion = ShardRegion.Start(
            node._system, new ShardRegionOptions { TypeName = "exchange", ShardCount = 4, EntityProps = exchange => Props.Create(() => new ExchangeActor(exchange, services)) });
        services.QueueRegion = node._system.ActorOf(Props.Create(() => new StandInQueues(services, node.Queues)), "queue");
        var restored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = await shared.ReadAsync(TopologyKeys.Prefix);
        services.Topology = node._system.ActorOf(Props.Create(() => new SharedTopologyActor(services, node.Metadata, first, () => restored.TrySetResult())), "topology");
        if (time is Runtime.ManualTimeProvider manual)
        {
            await WireAdmin.UntilAsync(
                () =>
                {
                    manual.Advance(TimeSpan.FromMilliseconds(10));
                    return Task.FromResult(restored.Task.IsCompleted);
                },
                done => done,
                $"{name} to start");
        }

        await restored.Task.WaitAsync(WireConnection.Timeout);
        return node;
    }

    public Task<TopologyReply> AskAsync(TopologyRequest request) => Services.Topology.AskAsync<TopologyReply>(request, WireConnection.Timeout);

    /// <summary>Asks, and expects that it is done.</summary>
    public async Task<TopologyReply> DoAsync(TopologyRequest request)
    {
        var reply = await AskAsync(request);
        Assert.True(reply.Fault is null, $"{request}: {reply.Fault}");
        return reply;
    }

    /// <summary>Asks, and expects this refusal.</summary>
    public async Task RefusedAsync(ErrorCode code, TopologyRequest request)
    {
        var reply = await AskAsync(request);
        Assert.True(reply.Fault?.Code == code, $"{request}: {reply.Fault}, expected {code}");
    }

    public Task<TopologyListing> ListAsync() => Services.Topology.AskAsync<TopologyListing>(new TopologyRequest.List(), WireConnection.Timeout);

    /// <summary>Everything that is declared, as text.</summary>
    public async Task<string> ShowAsync() => await ListAsync() is var l ? Show(l.Exchanges, l.Queues, l.Bindings) : "";

    /// <summary>Waits until this is declared as far as this node knows.</summary>
    public Task UntilShowsAsync(Func<string, bool> condition, string what) => WireAdmin.UntilAsync(ShowAsync, condition, $"{Services.Options.NodeId} to know {what}");

    public IReadOnlyList<string>? Route(string exchange, string key) => RouteOf(Services, exchange, key);

    /// <summary>Where a node's exchange routes a message with a key, in order of names; <c>null</c> if there is no such exchange.</summary>
    public static IReadOnlyList<string>? RouteOf(NodeServices node, string exchange, string key)
    {
        var walk = new RouteWalk(node.Routes);
        var message = new RoutedMessage(key, default, draw: 0);
        return walk.Follow(exchange, ref message) == RouteStatus.Routed ? [.. walk.Result.Queues.Order(StringComparer.Ordinal)] : null;
    }

    public static string Show(IEnumerable<ExchangeDefinition> exchanges, IEnumerable<QueueDefinition> queues, IEnumerable<Binding> bindings) => string.Join(
        ' ',
        exchanges.Where(e => !TopologyNames.IsBuiltIn(e.Name)).Select(e => $"{e.Name}:{e.Kind}:{e.Durable}{(e.AutoDelete ? "*" : "")}")
            .Concat(queues.Select(q => $"{q.Name}:{q.Durable}:{q.Id}"))
            .Concat(bindings.Select(b => $"{b.Exchange}-{b.RoutingKey}->{(b.Kind == DestinationKind.Exchange ? "x:" : "")}{b.Destination}")));

    public async ValueTask DisposeAsync()
    {
        Metadata.ReleaseWatches();
        await _system.DisposeAsync();
        lock (Faults)
        {
            Assert.Empty(Faults);
        }
    }
}
