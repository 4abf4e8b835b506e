using System.Globalization;
using Broker.Actors.Cluster;
using Broker.Actors.Direct;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Cluster;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>
/// Keeps what this node does with each shard in line with the <see cref="ShardTable"/>: its queues live here while this node serves the shard, and are stand-ins for those of the leader
/// while it does not.
/// The routes of the stand-ins are its children, and are aimed at whoever leads.
/// </summary>
internal sealed class RoutingActor(NodeServices node, ClusterServices cluster, Action started) : Actor
{
    private readonly Dictionary<string, (ActorRef Link, NodeLife Life)> _up = new(StringComparer.Ordinal);
    private static readonly TimeSpan s_inboxPatience = TimeSpan.FromSeconds(1);
    private readonly Dictionary<string, (ActorRef Route, ActorRef Inboxes)> _inboxes = new(StringComparer.Ordinal); // by the node that has them
    private int _lastInboxes;
    private readonly long[] _epochs = new long[cluster.Shards.Count];
    private readonly RouteCommand.Aim[] _aims = new RouteCommand.Aim[cluster.Shards.Count];

    /// <summary>Starts it, and comes back when <see cref="ClusterServices.Routes"/> are there: before that, nobody may be told about a queue.</summary>
    public static Task<ActorRef> StartAsync(ActorSystem system, NodeServices node, string name = "routing")
    {
        var cluster = node.Cluster ?? throw new InvalidOperationException("a node by itself has nothing to route");
        var started = new TaskCompletionSource<ActorRef>(TaskCreationOptions.RunContinuationsAsynchronously);
        ActorRef? actor = null;
        actor = system.ActorOf(Props.Create(() => new RoutingActor(node, cluster, () => started.TrySetResult(actor!))).WithMailbox(RemoteShardActor.MailboxSize), name);
        return started.Task;
    }

    protected override void PreStart()
    {
        var patience = cluster.Options.RoutingPatience;
        for (var shard = 0; shard < _aims.Length; shard++)
        {
            var number = shard;
            _aims[shard] = new RouteCommand.Aim(null, default);
            cluster.Routes[shard] = Context.ActorOf(
                Props.Create(() => new RemoteShardActor(number, patience)).WithMailbox(RemoteShardActor.MailboxSize), shard.ToString(CultureInfo.InvariantCulture));
        }

        Context.Describe(() => $"{_up.Count} links up");
        started();
        cluster.Shards.Subscribe(Self);
        cluster.Links.Subscribe(Self);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardChanged m:
                Adopt(cluster.Shards[m.Shard]);
                break;
            case LinkAdded m:
                m.Link.Tell(new LinkMessage.Subscribe(Self), Self);
                break;
            case LinkUp m:
                _up[m.Life.Node] = (Sender, m.Life);
                AimAt(m.Life.Node);
                AimInboxes(m.Life.Node, new RouteCommand.Aim(Sender, m.Life));
                break;
            case LinkDown m:
                Forget(m.Life.Node, Sender);
                break;
            case LinkRemoved m:
                Forget(m.Node, m.Link);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <summary>Another kind of entity is right, or one of another life of the shard: those that there are end, and the topology starts them anew.</summary>
    private void Adopt(ShardView view)
    {
        if (_epochs[view.Shard] != view.ServingEpoch)
        {
            _epochs[view.Shard] = view.ServingEpoch;
            node.QueueRegion.Tell(new ResetShard(view.Shard), Self);
            node.Topology.Tell(new TopologyMessage.StartQueues(view.Shard), Self);
        }

        Aim(view);
    }

    private void Forget(string name, ActorRef link)
    {
        if (_up.TryGetValue(name, out var up) && up.Link == link)
        {
            _up.Remove(name);
            AimAt(name);
            node.Inboxes.RemoveNode(name);
            _inboxes[name].Route.Tell(new RouteCommand.Aim(null, default), Self);
        }
    }

    /// <summary>The way to the inboxes of a node follows its link. It waits for nobody: who is not there now gets nothing.</summary>
    private void AimInboxes(string name, RouteCommand.Aim aim)
    {
        if (!_inboxes.TryGetValue(name, out var way))
        {
            var number = (++_lastInboxes).ToString(CultureInfo.InvariantCulture);
            var route = Context.ActorOf(Props.Create(() => new RemoteShardActor(LinkInfo.InboxRoute, s_inboxPatience)).WithMailbox(RemoteShardActor.MailboxSize), $"inbox-route-{number}");
            var actor = Context.ActorOf(Props.Create(() => new RemoteInboxesActor(name, route)).WithMailbox(RemoteShardActor.MailboxSize), $"inboxes-{number}");
            _inboxes.Add(name, way = (route, actor));
        }

        way.Route.Tell(aim, Self);
        node.Inboxes.AddNode(name, way.Inboxes);
    }

    private void AimAt(string name)
    {
        for (var shard = 0; shard < _aims.Length; shard++)
        {
            var view = cluster.Shards[shard];
            if (view.Assignment?.Leader?.Node == name)
            {
                Aim(view);
            }
        }
    }

    private void Aim(ShardView view)
    {
        var aim = !view.IsServing && view.Assignment?.Leader is { } leader && _up.TryGetValue(leader.Node, out var up) && up.Life == leader
            ? new RouteCommand.Aim(up.Link, leader)
            : new RouteCommand.Aim(null, default);
        if (aim != _aims[view.Shard])
        {
            _aims[view.Shard] = aim;
            cluster.Routes[view.Shard].Tell(aim, Self);
        }
    }
}
