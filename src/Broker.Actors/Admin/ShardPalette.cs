using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>cluster-sharding</c> and <c>shard</c>: who has what, and how its replicas are.</summary>
internal static class ShardPalette
{
    private const int AllShards = -1;

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "cluster-sharding list",
            "List the shards: who leads each, in which epoch, who is in sync, who has a replica",
            [],
            ["shard", "leader", "epoch", "inSync", "replicas"],
            (_, _) =>
            {
                var cluster = MembershipPalette.Cluster(node);
                return BuiltInCommands.Rows(Enumerable.Range(0, cluster.Shards.Count).Select(shard => Row(cluster.Shards[shard])));
            });
        yield return new AdminCommand(
            "cluster-sharding region-stats",
            "Count what runs on this node: queues and exchanges, by shard",
            [],
            ["region", "shard", "entities"],
            async (_, token) => [.. await RegionAsync(node.ExchangeRegion, token), .. await RegionAsync(node.QueueRegion, token)]);
        yield return new AdminCommand(
            "cluster-sharding move",
            "Move the lead of a shard to another of its in-sync replicas",
            [
                new AdminArgument("shard", ArgumentKind.Positional, "int", "Number of the shard", Required: true),
                new AdminArgument("node", ArgumentKind.Positional, "string", "Name of the node that is to lead it", Required: true),
            ],
            ["shard", "from", "to"],
            async (a, token) =>
            {
                var cluster = MembershipPalette.Cluster(node);
                var shard = a.Number("shard", 0, cluster.Shards.Count - 1);
                var to = (await MembershipPalette.FindAsync(cluster, a.Text("node"), token)).Name;
                var from = cluster.Shards[shard].Assignment?.Leader?.Node;
                await MembershipPalette.DoneAsync(cluster, new ClusterCommand.MoveLeader(shard, to), token);
                return [Moved(shard, from, to)];
            });
        yield return new AdminCommand(
            "cluster-sharding rebalance",
            "Give every shard back to its preferred leader, the first of its replicas, where that one is in sync; the rest balances by itself",
            [],
            ["shard", "from", "to"],
            Run: null,
            Stream: (_, token) => RebalanceAsync(MembershipPalette.Cluster(node), token));
        yield return new AdminCommand(
            "shard show",
            "Show how this node's replicas are, and how far the followers of those that lead",
            [new AdminArgument("shard", ArgumentKind.Positional, "int", "Number of the shard; default: all", Default: AllShards)],
            ["shard", "leader", "epoch", "inSync", "replicas", "role", "last", "committed", "lag"],
            Run: null,
            Stream: (a, token) =>
            {
                var cluster = MembershipPalette.Cluster(node);
                return ShowAsync(node, cluster, a.Number("shard", AllShards, cluster.Shards.Count - 1), token);
            });
    }

    /// <summary>What is ordered when the cluster must not decide by itself.</summary>
    public static IEnumerable<AdminCommand> Orders(NodeServices node)
    {
        yield return new AdminCommand(
            "shard elect",
            "Have a replica lead a shard of which nobody in sync is there any more: what it lacks is lost",
            [
                new AdminArgument("shard", ArgumentKind.Positional, "int", "Number of the shard", Required: true),
                new AdminArgument("node", ArgumentKind.Positional, "string", "Name of the node whose replica is to lead it", Required: true),
                new AdminArgument("accept-loss", ArgumentKind.Flag, "bool", "Confirmed messages that this replica lacks may be lost for good"),
            ],
            ["shard", "node", "instead-of"],
            async (a, token) =>
            {
                var cluster = MembershipPalette.Cluster(node);
                var shard = a.Number("shard", 0, cluster.Shards.Count - 1);
                var to = (await MembershipPalette.FindAsync(cluster, a.Text("node"), token)).Name;
                var inSync = InSync(cluster.Shards[shard]);
                if (!a.Flag("accept-loss"))
                {
                    throw new AdminException(
                        ErrorCode.PreconditionFailed,
                        $"'{to}' may lack what was confirmed, and that would be lost. All of it is with {inSync}: start one of these nodes, if there is any way. To go on without them: --accept-loss");
                }

                await MembershipPalette.DoneAsync(cluster, new ClusterCommand.OrderElection(shard, to), token);
                return [new JsonObject { ["shard"] = shard, ["node"] = to, ["instead-of"] = inSync }];
            });
        yield return new AdminCommand(
            "cluster epoch-floor",
            "After a backup of etcd was restored: have all shards begin epochs above one; without a number: show what it is, and the highest epoch that replicas on this node have seen",
            [new AdminArgument("epoch", ArgumentKind.Positional, "int", "The highest epoch that any replica of any node has seen; default: none")],
            ["floor", "highest"],
            async (a, token) =>
            {
                var cluster = MembershipPalette.Cluster(node);
                long floor;
                if (a.Has("epoch"))
                {
                    floor = a.Number("epoch", 1, int.MaxValue);
                    await MembershipPalette.DoneAsync(cluster, new ClusterCommand.RaiseEpochs(floor), token);
                }
                else
                {
                    floor = (await cluster.Cluster.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers(), BuiltInCommands.AskTimeout, token)).EpochFloor;
                }

                return [new JsonObject { ["floor"] = floor, ["highest"] = await HighestEpochAsync(node, cluster, token) }];
            });
    }

    private static async Task<long> HighestEpochAsync(NodeServices node, ClusterServices cluster, CancellationToken cancellationToken)
    {
        var highest = 0L;
        for (var shard = 0; shard < cluster.Shards.Count; shard++)
        {
            if (HasReplica(node, cluster.Shards[shard]))
            {
                highest = Math.Max(highest, (await StatusAsync(cluster.Replicas[shard], shard, cancellationToken)).Epoch);
            }
        }

        return highest;
    }

    private static bool HasReplica(NodeServices node, ShardView view) => view.Assignment?.Replicas.Contains(node.Options.NodeId) == true;

    private static string InSync(ShardView view) => string.Join(' ', view.Assignment?.InSync.Select(r => r.Node).Distinct() ?? []);

    private static JsonObject Row(ShardView view) => new()
    {
        ["shard"] = view.Shard,
        ["leader"] = view.Assignment?.Leader?.Node,
        ["epoch"] = view.Assignment?.Epoch,
        ["inSync"] = InSync(view),
        ["replicas"] = string.Join(' ', view.Assignment?.Replicas ?? []),
        ["servedHere"] = view.IsServing,
        ["revision"] = view.Revision,
    };

    private static JsonObject Moved(int shard, string? from, string to) => new() { ["shard"] = shard, ["from"] = from, ["to"] = to };

    private static async Task<IEnumerable<JsonObject>> RegionAsync(ActorRef region, CancellationToken cancellationToken)
    {
        var state = await region.AskAsync<ShardRegionState>(new GetShardRegionState(MaxEntitiesPerShard: 0), BuiltInCommands.AskTimeout, cancellationToken);
        return state.Shards.Select(shard => new JsonObject { ["region"] = state.TypeName, ["shard"] = shard.ShardId, ["entities"] = shard.EntityCount });
    }

    private static async IAsyncEnumerable<JsonObject> RebalanceAsync(ClusterServices cluster, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var members = await ClusterPalette.MembersAsync(cluster, cancellationToken);
        var welcome = members.Where(m => m is { Registration: not null, State: NodeState.Up, IsSuspected: false }).Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        for (var shard = 0; shard < cluster.Shards.Count; shard++)
        {
            if (cluster.Shards[shard].Assignment is { } assignment && assignment.Replicas[0] is var preferred && assignment.Leader?.Node != preferred
                && welcome.Contains(preferred) && assignment.InSync.Any(r => r.Node == preferred))
            {
                await MembershipPalette.DoneAsync(cluster, new ClusterCommand.MoveLeader(shard, preferred), cancellationToken);
                yield return Moved(shard, assignment.Leader?.Node, preferred);
            }
        }
    }

    /// <summary>One shard or all, of which each that has a replica here is asked.</summary>
    private static async IAsyncEnumerable<JsonObject> ShowAsync(NodeServices node, ClusterServices cluster, int only, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var shard in only == AllShards ? Enumerable.Range(0, cluster.Shards.Count) : [only])
        {
            var view = cluster.Shards[shard];
            var row = Row(view);
            if (HasReplica(node, view))
            {
                Add(row, await StatusAsync(cluster.Replicas[shard], shard, cancellationToken));
            }

            yield return row;
        }
    }

    private static async Task<ReplicaStatus> StatusAsync(ActorRef replica, int shard, CancellationToken cancellationToken)
    {
        try
        {
            return await replica.AskAsync<ReplicaStatus>(new ReplicaCommand.Describe(), BuiltInCommands.AskTimeout, cancellationToken);
        }
        catch (Exception e) when (e is AskTimeoutException or AskUndeliveredException)
        {
            throw new AdminException(ErrorCode.Unavailable, $"the replica of shard {shard} on this node does not answer: {e.Message}");
        }
    }

    private static void Add(JsonObject row, ReplicaStatus status)
    {
        row["role"] = status.Role;
        row["last"] = status.Last;
        row["certain"] = status.Certain;
        row["committed"] = status.Committed;
        row["lag"] = string.Join(", ", status.Followers.Select(f => $"{f.Node} {Lag(f)}{(f.InSync ? "" : " out of sync")}{(f.LinkUp ? "" : " unreachable")}"));
        row["replicaEpoch"] = status.Epoch;
        row["followers"] = new JsonArray([.. status.Followers.Select(f => new JsonObject
        {
            ["node"] = f.Node,
            ["acknowledged"] = f.Acknowledged,
            ["lag"] = Lag(f),
            ["inSync"] = f.InSync,
            ["linkUp"] = f.LinkUp,
        })]);

        // A follower may have more than its leader: an end that was never committed, and is about to be cut off.
        ulong Lag(FollowerStatus follower) => status.Last - Math.Min(status.Last, follower.Acknowledged);
    }
}
