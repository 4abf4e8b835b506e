using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Broker.Actors.Admin;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Admin;

/// <summary>A node's part in a cluster of three as its commands see it: the tables, and actors in place of the cluster's that say what a test has them say and keep what they are told.</summary>
internal sealed class StandInCluster : IAsyncDisposable
{
    private readonly ActorSystem _system = EmbeddedActorSystem.Create("broker", new ActorSystemOptions());
    private readonly AdminCommands _commands;

    public StandInCluster(bool hasJoined = true)
    {
        var options = new BrokerClusterOptions
        {
            Dial = new QuicClientOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, 7401), ServerName = "a", ApplicationProtocols = [], Tls = TestCertificates.Client },
        };
        Node = new NodeServices(new BrokerServerOptions { NodeId = "a", ClusterName = "test", Cluster = options, ShardCount = 3 }) { IsServing = true };
        Cluster = Node.Cluster!;
        Cluster.Cluster = _system.ActorOf(Props.Create(() => new StandIn(this)), "cluster");
        for (var shard = 0; shard < Cluster.Replicas.Length; shard++)
        {
            var number = shard;
            Cluster.Replicas[shard] = _system.ActorOf(Props.Create(() => new Replica(this, number)));
        }

        if (hasJoined)
        {
            Cluster.Identity = new LinkIdentity("test", new NodeLife("a", 1), Guid.NewGuid());
        }

        _commands = new AdminCommands([.. MembershipPalette.Commands(_system, Node), .. ShardPalette.Commands(Node), .. ShardPalette.Orders(Node)]);
    }

    public NodeServices Node { get; }

    public ClusterServices Cluster { get; }

    /// <summary>Who is there.</summary>
    public List<ClusterMember> Members { get; } = [];

    /// <summary>What the cluster was told to do, in order.</summary>
    public List<ClusterCommand> Orders { get; } = [];

    /// <summary>Why the cluster does nothing of it. Default: it does.</summary>
    public FrameFault? Refusal { get; set; }

    /// <summary>How the replicas on this node are.</summary>
    public Dictionary<int, ReplicaStatus> Replicas { get; } = [];

    /// <summary>Completes with who wants to hear of events.</summary>
    public TaskCompletionSource<ActorRef> Subscribed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ActorSystem System => _system;

    public ClusterMember Add(string name, NodeState state = NodeState.Up, bool isThere = true, bool isSuspected = false, bool isCoordinator = false)
    {
        var registration = isThere ? new NodeRegistration(name, Members.Count + 1, Guid.NewGuid(), "east", [$"{name}.example:7400"], "0.1.0") : null;
        Members.Add(new ClusterMember(name, registration, state, "east", isCoordinator, isSuspected));
        return Members[^1];
    }

    /// <summary>Assigns a shard; the first of the replicas is the preferred leader.</summary>
    public void Assign(int shard, string? leader, string inSync, string replicas, long epoch = 1)
    {
        var life = leader is null ? (NodeLife?)null : new NodeLife(leader, 1);
        List<ReplicaId> members = [.. inSync.Split(' ').Select(node => new ReplicaId(node, Guid.NewGuid()))];
        Cluster.Shards.SetAssignment(new ShardAssignment(shard, epoch, life, members, replicas.Split(' ')), Cluster.Shards[shard].Revision + 1);
    }

    /// <summary>The rows of a command.</summary>
    public async Task<List<JsonObject>> RunAsync(string command, string json = "")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var rows = new List<JsonObject>();
        await foreach (var row in Rows(command, json, limit.Token))
        {
            rows.Add(row);
        }

        return rows;
    }

    public IAsyncEnumerable<JsonObject> Rows(string command, string json, CancellationToken cancellationToken) =>
        _commands.RunAsync(command, Encoding.UTF8.GetBytes(json), Node.IsServing, CancellationToken.None, cancellationToken);

    public async Task<string> RefusedAsync(ErrorCode code, string command, string json = "")
    {
        var refusal = await Assert.ThrowsAsync<AdminException>(() => RunAsync(command, json));
        Assert.Equal(code, refusal.Code);
        return refusal.Message;
    }

    public ValueTask DisposeAsync() => _system.DisposeAsync();

    private sealed class StandIn(StandInCluster cluster) : Actor
    {
        protected override void Receive(object message)
        {
            switch (message)
            {
                case ClusterCommand.ListMembers:
                    Sender.Tell(new ClusterReply.Members([.. cluster.Members]));
                    break;
                case ClusterCommand.Tail m:
                    cluster.Subscribed.TrySetResult(m.Subscriber);
                    break;
                case ClusterCommand m:
                    cluster.Orders.Add(m);
                    Sender.Tell(new ClusterReply.Done(cluster.Refusal));
                    break;
                default:
                    Unhandled(message);
                    break;
            }
        }
    }

    private sealed class Replica(StandInCluster cluster, int shard) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is ReplicaCommand.Describe)
            {
                Sender.Tell(cluster.Replicas[shard]);
            }
            else
            {
                Unhandled(message);
            }
        }
    }
}
