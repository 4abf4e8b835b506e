using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Cluster;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>
/// Has exclusive queues deleted whose connection has ended. A connection of this node says so itself; what escapes that is found by a look from time to time: queues of connections that ended while
/// the queue was being declared, of an earlier life of this node, and, at the node that leads a queue, of a node that is gone.
/// </summary>
internal sealed class ExclusiveQueues(NodeServices node) : Actor
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private readonly Dictionary<string, long> _goneSince = new(StringComparer.Ordinal); // nodes, by name
    private readonly HashSet<ulong> _asked = []; // deletions under way, by the queue's number

    /// <summary>By a connection's actor: it has ended. No answer.</summary>
    public sealed record ConnectionEnded(string Owner);

    /// <summary>By itself, and at the node's start: look for queues whose owner has gone.</summary>
    public sealed record Look
    {
        public static readonly Look Instance = new();
    }

    private sealed record Answered(ulong Id);

    private sealed record Members(IReadOnlyList<ClusterMember> Nodes);

    /// <summary>Starts it.</summary>
    public static ActorRef Start(ActorSystem system, NodeServices node) => system.ActorOf(Props.Create(() => new ExclusiveQueues(node)), "exclusive");

    /// <summary>Deletes what connections of an earlier life of the node have left, so that new ones do not find it in their way.</summary>
    public static async Task DeleteLeftAsync(NodeServices node, CancellationToken cancellationToken)
    {
        foreach (var queue in Left(node))
        {
            await node.Topology.AskAsync<TopologyReply>(RequestFor(queue), TimeSpan.FromSeconds(10), cancellationToken);
        }
    }

    protected override void PreStart()
    {
        Context.Describe(() => $"{node.Queues.Owned.Count} exclusive queues");
        Context.Timers.StartPeriodic(Look.Instance, Look.Instance, s_interval);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ConnectionEnded m:
                Delete(node.Queues.OwnedBy(m.Owner));
                break;
            case Look:
                Delete(Left(node));
                LookAtOthers();
                break;
            case Members m:
                HandleMembers(m.Nodes);
                break;
            case Answered m:
                _asked.Remove(m.Id);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void LookAtOthers()
    {
        if (node.Cluster is { } cluster && node.Queues.Owned.Any(q => q.IsLocal && OwnerName.TryParse(q.Definition.Owner)?.Node != node.Options.NodeId))
        {
            var asked = cluster.Cluster.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers(), s_interval);
            Context.PipeTo(new ValueTask<ClusterReply.Members>(asked), m => new Members(m.Nodes), _ => new Members([]));
        }
    }

    /// <summary>Nothing is known if no members are: at least this node is one.</summary>
    private void HandleMembers(IReadOnlyList<ClusterMember> members)
    {
        if (members.Count == 0)
        {
            return;
        }

        var now = node.Options.TimeProvider.GetTimestamp();
        var there = members.Where(m => m is { Registration: not null, State: not NodeState.Down }).Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in _goneSince.Keys.Where(there.Contains).ToList())
        {
            _goneSince.Remove(name);
        }

        foreach (var owner in node.Queues.Owned.Where(q => q.IsLocal).Select(q => OwnerName.TryParse(q.Definition.Owner)?.Node).OfType<string>().Distinct().Where(o => !there.Contains(o)).ToList())
        {
            _goneSince.TryAdd(owner, now);
            if (node.Options.TimeProvider.GetElapsedTime(_goneSince[owner], now) >= node.Cluster!.Options.OwnerGrace)
            {
                Delete([.. node.Queues.Owned.Where(q => q.IsLocal && OwnerName.TryParse(q.Definition.Owner)?.Node == owner)]);
            }
        }
    }

    /// <summary>Queues of connections that this node had and has no more.</summary>
    private static List<LocalQueue> Left(NodeServices node) =>
        [.. node.Queues.Owned.Where(q => OwnerName.TryParse(q.Definition.Owner) is { } owner && owner.Node == node.Options.NodeId && !node.IsConnected(owner))];

    private void Delete(IReadOnlyList<LocalQueue> queues)
    {
        foreach (var queue in queues)
        {
            if (_asked.Add(queue.Id))
            {
                var id = queue.Id;
                var asked = node.Topology.AskAsync<TopologyReply>(RequestFor(queue), TimeSpan.FromSeconds(20));
                Context.PipeTo(new ValueTask<TopologyReply>(asked), _ => new Answered(id), _ => new Answered(id)); // if it failed, the next look finds it again
            }
        }
    }

    private static TopologyRequest.DeleteQueue RequestFor(LocalQueue queue) => new(queue.Name, IfUnused: false, IfEmpty: false) { OnlyId = queue.Id };
}
