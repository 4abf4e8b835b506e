using System.Globalization;
using System.Text.Json.Nodes;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>cluster</c> and <c>node</c>: what is asked of a node, and what happens in the cluster.</summary>
internal static class MembershipPalette
{
    public static IEnumerable<AdminCommand> Commands(ActorSystem system, NodeServices node)
    {
        yield return new AdminCommand(
            "cluster join",
            "Take back a node that is draining, leaving or down; without a name: show with what a further node joins",
            [new AdminArgument("node", ArgumentKind.Positional, "string", "Name of the node; default: none")],
            ["node", "state", "was", "setting", "value"],
            async (a, token) => a.Text("node") is { Length: > 0 } name
                ? [await SetStateAsync(Cluster(node), name, NodeState.Up, token)]
                : [.. Settings(node, Cluster(node))]);
        yield return SetState(
            "cluster leave", "Have a node give up its replicas, each once another node has it; 'cluster show' says what it still has", NodeState.Leaving, node);
        yield return new AdminCommand(
            "cluster down",
            "Say that a node is gone for good: its replicas are replaced without it",
            [Name(), new AdminArgument("force", ArgumentKind.Flag, "bool", "Also if it is there")],
            ["node", "state", "was"],
            async (a, token) =>
            {
                var member = await FindAsync(Cluster(node), a.Text("node"), token);
                return member is { Registration: not null, IsSuspected: false } && !a.Flag("force")
                    ? throw new AdminException(
                        ErrorCode.PreconditionFailed, $"node '{member.Name}' is there; 'cluster leave' takes it out without loss. To go on nevertheless: --force")
                    : [await SetStateAsync(Cluster(node), member.Name, NodeState.Down, token)];
            });
        yield return new AdminCommand(
            "cluster forget",
            "Remove a node that is gone and has no replica from the list of nodes",
            [Name()],
            ["node", "state"],
            async (a, token) =>
            {
                var member = await FindAsync(Cluster(node), a.Text("node"), token);
                await DoneAsync(Cluster(node), new ClusterCommand.Forget(member.Name), token);
                return [new JsonObject { ["node"] = member.Name, ["state"] = "forgotten" }];
            });
        yield return SetState("node drain", "Have a node give up the lead of its shards and keep its replicas, before a restart", NodeState.Draining, node);
        yield return SetState("node resume", "Let a node lead shards again", NodeState.Up, node);
        yield return new AdminCommand(
            "cluster tail",
            "Show what happens in the cluster, from now on until Ctrl-C",
            [],
            ["time", "kind", "subject", "detail"],
            Run: null,
            Stream: (_, token) => ClusterTail.ReadAsync(system, Cluster(node).Cluster, token),
            WhileRecovering: true,
            Follows: true);
    }

    /// <exception cref="AdminException">The node is by itself, or has not joined yet.</exception>
    public static ClusterServices Cluster(NodeServices node) => node.Cluster switch
    {
        null => throw new AdminException(
            ErrorCode.PreconditionFailed, "this node is by itself. A node is one of a cluster when it is started with the cluster's etcd: BROKER_CLUSTER__ETCD"),
        { HasJoined: false } => throw new AdminException(ErrorCode.Unavailable, "this node has not joined the cluster yet"),
        { } cluster => cluster,
    };

    private static AdminArgument Name() => new("node", ArgumentKind.Positional, "string", "Name of the node", Required: true);

    private static AdminCommand SetState(string name, string description, NodeState state, NodeServices node) => new(
        name, description, [Name()], ["node", "state", "was"], async (a, token) => [await SetStateAsync(Cluster(node), a.Text("node"), state, token)]);

    private static async Task<JsonObject> SetStateAsync(ClusterServices cluster, string name, NodeState state, CancellationToken cancellationToken)
    {
        var member = await FindAsync(cluster, name, cancellationToken);
        await DoneAsync(cluster, new ClusterCommand.SetState(name, state), cancellationToken);
        var row = ClusterPalette.Member(cluster, member with { State = state });
        row["was"] = member.State.ToString().ToLowerInvariant();
        return row;
    }

    /// <summary>Has the cluster do something.</summary>
    /// <exception cref="AdminException">It did not.</exception>
    public static async Task DoneAsync(ClusterServices cluster, ClusterCommand command, CancellationToken cancellationToken)
    {
        if ((await cluster.Cluster.AskAsync<ClusterReply.Done>(command, BuiltInCommands.AskTimeout, cancellationToken)).Fault is { } fault)
        {
            throw new AdminException(fault.Code, fault.Reason);
        }
    }

    /// <exception cref="AdminException">There is no such node.</exception>
    public static async Task<ClusterMember> FindAsync(ClusterServices cluster, string name, CancellationToken cancellationToken)
    {
        var members = await ClusterPalette.MembersAsync(cluster, cancellationToken);
        return members.FirstOrDefault(m => m.Name == name) ?? throw new AdminException(
            ErrorCode.NotFound,
            $"there is no node '{name}'; known: {string.Join(", ", members.Select(m => m.Name))}. A new one joins when it is started with the settings that 'cluster join' shows");
    }

    /// <summary>What a further node must have in common with this one. Where etcd is, each node is told for itself.</summary>
    private static IEnumerable<JsonObject> Settings(NodeServices node, ClusterServices cluster)
    {
        var placement = cluster.Options.Placement;
        return
        [
            Setting("BROKER_NAME", "its own, which no other node has"),
            Setting("BROKER_CLUSTER__ETCD", "the etcd of this cluster"),
            Setting("BROKER_CLUSTER__NAME", node.Options.ClusterName),
            Setting("BROKER_CLUSTER__ADVERTISE", "where this node and clients reach it, as host:port"),
            Setting("BROKER_CLUSTER__SHARDS", Text(placement.Shards)),
            Setting("BROKER_CLUSTER__REPLICAS", Text(placement.Replicas)),
            Setting("BROKER_CLUSTER__MININSYNC", Text(placement.MinInSync)),
        ];

        static JsonObject Setting(string name, string value) => new() { ["setting"] = name, ["value"] = value };

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
