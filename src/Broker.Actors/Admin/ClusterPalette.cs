using System.Text.Json.Nodes;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Storage.Log;
using Broker.Transport;

namespace Broker.Actors.Admin;

/// <summary><c>cluster show</c>: the nodes; of a node by itself, that one.</summary>
internal static class ClusterPalette
{
    private static readonly IReadOnlyList<string> s_alone = ["node", "status", "address", "version", "transport", "uptime", "connections", "queues", "memory"];
    private static readonly IReadOnlyList<string> s_together = ["node", "status", "coordinator", "state", "zone", "address", "version", "leads", "replicas", "link"];

    public static IEnumerable<AdminCommand> Commands(ActorSystem system, NodeServices node, IQuicTransport transport, IQuicListener listener)
    {
        var started = system.TimeProvider.GetTimestamp();
        yield return new AdminCommand(
            "cluster show",
            "Show the nodes of the cluster",
            [],
            node.Cluster is null ? s_alone : s_together,
            async (_, token) => node.Cluster is { HasJoined: true } cluster
                ? [.. (await MembersAsync(cluster, token)).Select(m => m.Name == node.Options.NodeId ? Merge(Member(cluster, m), Own()) : Member(cluster, m))]
                : [Own()],
            WhileRecovering: true);

        JsonObject Own()
        {
            var statistics = listener.Statistics;
            return new JsonObject
            {
                ["node"] = node.Options.NodeId,
                ["status"] = Status(node),
                ["cluster"] = node.Options.ClusterName,
                ["address"] = listener.LocalEndPoint.ToString(),
                ["version"] = node.Options.ProductVersion,
                ["transport"] = transport.LibraryVersions.Length > 0 ? $"{transport.Name} ({transport.LibraryVersions})" : transport.Name,
                ["uptime"] = system.TimeProvider.GetElapsedTime(started).ToString(@"d\.hh\:mm\:ss", null),
                ["connections"] = node.Connections.Count,
                ["queues"] = node.Queues.Queues.Count(),
                ["messageBytes"] = node.Memory.UsedBytes,
                ["messageBytesLimit"] = node.Memory.LimitBytes,
                ["memory"] = Environment.WorkingSet,
                ["unroutable"] = node.UnroutableCount,
                ["deadLettersDropped"] = node.DeadLettersDropped,
                ["publishersBlocked"] = node.Memory.IsClosed,
                ["handshakesFailed"] = statistics.HandshakesFailed,
                ["handshakesPending"] = statistics.HandshakesPending,
            };
        }
    }

    /// <summary>All nodes that the cluster knows, by name.</summary>
    public static async Task<IReadOnlyList<ClusterMember>> MembersAsync(ClusterServices cluster, CancellationToken cancellationToken) =>
        (await cluster.Cluster.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers(), BuiltInCommands.AskTimeout, cancellationToken)).Nodes;

    /// <summary>A node as this one sees it.</summary>
    public static JsonObject Member(ClusterServices cluster, ClusterMember member)
    {
        var views = Enumerable.Range(0, cluster.Shards.Count).Select(shard => cluster.Shards[shard].Assignment).OfType<ShardAssignment>().ToList();
        var link = cluster.Links.Statuses.FirstOrDefault(l => l.Node == member.Name);
        return new JsonObject
        {
            ["node"] = member.Name,
            ["status"] = member.Registration is null ? "gone" : member.IsSuspected ? "suspected" : "up",
            ["coordinator"] = member.IsCoordinator,
            ["state"] = member.State.ToString().ToLowerInvariant(),
            ["zone"] = member.Zone,
            ["address"] = string.Join(", ", member.Registration?.Addresses ?? []),
            ["version"] = member.Registration?.Version,
            ["leads"] = views.Count(a => a.Leader?.Node == member.Name),
            ["replicas"] = views.Count(a => a.Replicas.Contains(member.Name)),
            ["inSync"] = views.Count(a => a.InSync.Any(r => r.Node == member.Name)),
            ["link"] = link is null ? "" : link.Life is not null ? "up" : $"down: {link.Problem ?? "not dialled yet"}",
            ["longestGapMs"] = link?.LongestGap.TotalMilliseconds,
            ["incarnation"] = member.Registration?.Incarnation.ToString("x16", null),
            ["store"] = member.Registration?.Store.ToString(),
        };
    }

    /// <summary>What the node does: <c>up</c>, <c>recovering 43 %</c>, or <c>log failed</c>, which is up for what is not durable.</summary>
    private static string Status(NodeServices node)
    {
        if (!node.IsServing && node.Storage?.Progress is { TotalBytes: > 0 } progress)
        {
            return $"recovering {progress.DoneBytes * 100 / progress.TotalBytes} %";
        }

        if (node.Cluster is { HasJoined: false })
        {
            return "joining";
        }

        if (!node.IsServing)
        {
            return "recovering";
        }

        return node.Storage is { Log.State: LogState.Failed } ? "log failed" : "up";
    }

    /// <summary>Of this node, what it knows of itself comes on top; but its address is the one by which others know it.</summary>
    private static JsonObject Merge(JsonObject member, JsonObject own)
    {
        foreach (var (name, value) in own.ToList())
        {
            if (name != "address")
            {
                member[name] = value?.DeepClone();
            }
        }

        member["listens"] = own["address"]?.DeepClone();
        return member;
    }
}
