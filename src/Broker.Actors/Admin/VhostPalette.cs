using System.Text.Json.Nodes;
using Broker.Actors.Access;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Access;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>vhost</c>: spaces of names, and how much each may have.</summary>
internal static class VhostPalette
{
    private static readonly string[] s_columns = ["name", "description", "queues", "exchanges", "connections", "maxConnections", "maxQueues"];
    private static readonly AdminArgument Vhost = new("vhost", ArgumentKind.Positional, "string", "Name of the vhost", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand("vhost list", "List the vhosts; connections are those to this node", [], s_columns, async (_, token) =>
        {
            var listing = await ExchangePalette.ListAsync(node, token);
            return [.. listing.Vhosts.Select(v => Row(node, v, listing))];
        });
        yield return new AdminCommand(
            "vhost show",
            "Show a vhost",
            [Vhost],
            [.. s_columns, "users", "policies", "operatorPolicies"],
            async (a, token) =>
            {
                var name = VhostArgument.Of(node, a);
                var listing = await ExchangePalette.ListAsync(node, token);
                var row = Row(node, listing.Vhosts.FirstOrDefault(v => v.Name == name) ?? throw Missing(name), listing);
                row["users"] = new JsonArray([.. node.Access.Permissions.Where(p => p.Vhost == name).Select(p => JsonValue.Create(p.User))]);
                row["policies"] = new JsonArray([.. node.Policies.Policies.All.Where(p => p.Vhost == name).Select(p => JsonValue.Create(p.Name))]);
                row["operatorPolicies"] = new JsonArray([.. node.Policies.OperatorPolicies.All.Where(p => p.Vhost == name).Select(p => JsonValue.Create(p.Name))]);
                return [row];
            });
        yield return new AdminCommand(
            "vhost add",
            "Make a vhost; no effect if it exists. Users need permissions in it",
            [Vhost, new AdminArgument("description", ArgumentKind.Option, "string", "What it is for", Default: "")],
            ["name"],
            async (a, token) =>
            {
                await ExchangePalette.AskAsync(node, new TopologyRequest.AddVhost(new VhostDefinition(a.Text("vhost"), a.Text("description"))), token);
                return [new JsonObject { ["name"] = a.Text("vhost") }];
            });
        yield return new AdminCommand(
            "vhost delete",
            "End the connections to a vhost and delete everything in it, messages and permissions too; no effect if it does not exist",
            [Vhost],
            ["name"],
            (a, token) => DeleteAsync(node, a.Text("vhost"), token));
        yield return new AdminCommand(
            "vhost limit",
            "Say how many connections to each node and how many queues a vhost may have; what it has stays",
            [
                Vhost,
                new AdminArgument("max-connections", ArgumentKind.Option, "int", "0 or more; -1: without end; default: as it was"),
                new AdminArgument("max-queues", ArgumentKind.Option, "int", "Likewise"),
            ],
            ["name", "maxConnections", "maxQueues"],
            async (a, token) =>
            {
                var name = VhostArgument.Of(node, a);
                var before = node.Access.LimitsOfVhost(name) ?? new VhostLimits(name, null, null);
                var limits = new VhostLimits(
                    name, a.Has("max-connections") ? a.Limit("max-connections") : before.MaxConnections, a.Has("max-queues") ? a.Limit("max-queues") : before.MaxQueues);
                var none = limits is { MaxConnections: null, MaxQueues: null };
                await VhostArgument.StoreAsync(none ? node.Access.ClearAsync(AccessKeys.OfVhostLimits(name), token) : node.Access.SetAsync(limits, token));
                return [new JsonObject { ["name"] = name, ["maxConnections"] = limits.MaxConnections, ["maxQueues"] = limits.MaxQueues }];
            },
            WhileRecovering: true);
    }

    /// <summary>What is said of the vhost goes before it does, so that one that is made again under its name begins with nothing.</summary>
    private static async Task<IReadOnlyList<JsonObject>> DeleteAsync(NodeServices node, string name, CancellationToken token)
    {
        if (name == ProtocolInfo.DefaultVhost)
        {
            throw new AdminException(ErrorCode.AccessRefused, $"vhost '{name}' is always there and cannot be deleted");
        }

        await VhostArgument.StoreAsync(node.Access.ForgetVhostAsync(name, token));
        await VhostArgument.StoreAsync(node.Policies.ForgetVhostAsync(name, token));
        node.DisconnectVhost(name); // so that nobody declares while it is emptied; the topology ends those that have come since
        if (await VhostRemoval.RunAsync(node.Topology, name, BuiltInCommands.AskTimeout, token) is { } fault)
        {
            throw new AdminException(fault.Code, fault.Reason);
        }

        foreach (var address in node.Addresses.List().Where(a => EntityName.VhostOf(a.Name) == name).ToList())
        {
            if (await node.Addresses.ReleaseAsync(address.Name, user: null) is { Code: not ErrorCode.NotFound } kept)
            {
                throw new AdminException(kept.Code, kept.Reason);
            }
        }

        return [new JsonObject { ["name"] = name }];
    }

    private static JsonObject Row(NodeServices node, VhostDefinition vhost, TopologyListing listing)
    {
        var limits = node.Access.LimitsOfVhost(vhost.Name);
        return new JsonObject
        {
            ["name"] = vhost.Name,
            ["description"] = vhost.Description,
            ["queues"] = listing.Queues.Count(q => EntityName.VhostOf(q.Name) == vhost.Name),
            ["exchanges"] = listing.Exchanges.Count(e => EntityName.VhostOf(e.Name) == vhost.Name),
            ["connections"] = node.Connections.CountOfVhost(vhost.Name),
            ["maxConnections"] = limits?.MaxConnections,
            ["maxQueues"] = limits?.MaxQueues,
        };
    }

    private static AdminException Missing(string name) => new(ErrorCode.NotFound, TopologyMachine.NoVhost(name).Reason);
}
