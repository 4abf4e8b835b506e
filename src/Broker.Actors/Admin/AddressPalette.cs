using System.Text.Json.Nodes;
using Broker.Actors.Server;
using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>address</c>.</summary>
internal static class AddressPalette
{
    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "address list",
            "List the addresses that users have, and where their consumers are",
            [VhostArgument.Filter],
            ["address", "user", "node"],
            (a, _) => BuiltInCommands.Rows(
                node.Addresses.List().Where(r => VhostArgument.Shows(a, EntityName.VhostOf(r.Name))).Select(r => Row(node, r.Name, r.User, r.Node))));
        yield return new AdminCommand(
            "address release",
            "Take an address from its user, so that whoever comes next may have it; its consumer ends",
            [new AdminArgument("address", ArgumentKind.Positional, "string", "The address", Required: true), VhostArgument.Option],
            ["address"],
            async (a, _) =>
            {
                var name = EntityName.Of(VhostArgument.Of(node, a), DirectNames.AddressPrefix + a.Text("address"));
                if (await node.Addresses.ReleaseAsync(name, user: null) is { } fault)
                {
                    throw new AdminException(fault.Code, fault.Reason);
                }

                node.Inboxes.End(name, new FrameFault(ErrorCode.AccessRefused, $"'{EntityName.LocalOf(name)}' was released by an administrator"));
                return [new JsonObject { ["address"] = a.Text("address") }];
            });
    }

    private static JsonObject Row(NodeServices node, string name, string user, string? at) => new()
    {
        ["address"] = EntityName.LocalOf(name)[DirectNames.AddressPrefix.Length..],
        ["vhost"] = EntityName.VhostOf(name),
        ["user"] = user,
        ["node"] = at ?? (node.Inboxes.TryGetHere(name, out _) ? node.Options.NodeId : ""),
    };
}
