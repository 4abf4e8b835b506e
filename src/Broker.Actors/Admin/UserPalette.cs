using System.Text.Json.Nodes;
using Broker.Actors.Access;
using Broker.Actors.Server;
using Broker.Actors.Users;
using Broker.Machines.Access;

namespace Broker.Actors.Admin;

/// <summary><c>user</c>: who may connect.</summary>
internal static class UserPalette
{
    private static readonly AdminArgument User = new("user", ArgumentKind.Positional, "string", "Name of the user, as certificates have it", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "user list",
            "List the users that are connected or that something is known of",
            [],
            ["user", "state", "connections", "maxConnections", "reason"],
            (_, _) => BuiltInCommands.Rows(List(node)),
            WhileRecovering: true);
        yield return new AdminCommand(
            "user disable",
            "Close a user's connections and refuse further ones, whatever certificate they show",
            [User, new AdminArgument("reason", ArgumentKind.Option, "string", "Told to the user", Default: "")],
            ["user", "closed"],
            async (a, token) =>
            {
                var user = NameOf(a);
                await SetAsync(node, user, new UserRecord(Disabled: true, a.Text("reason")), token);
                return [new JsonObject { ["user"] = user, ["closed"] = await UserFollower.DisconnectAsync(node, user) }];
            },
            WhileRecovering: true);
        yield return new AdminCommand(
            "user limit",
            "Say how many connections to each node a user may have; those that it has stay",
            [User, new AdminArgument("max-connections", ArgumentKind.Option, "int", "0 or more; -1: without end", Required: true)],
            ["user", "maxConnections"],
            async (a, token) =>
            {
                var limits = new UserLimits(NameOf(a), a.Limit("max-connections"));
                await VhostArgument.StoreAsync(
                    limits.MaxConnections is null ? node.Access.ClearAsync(AccessKeys.OfUserLimits(limits.User), token) : node.Access.SetAsync(limits, token));
                return [new JsonObject { ["user"] = limits.User, ["maxConnections"] = limits.MaxConnections }];
            },
            WhileRecovering: true);
        yield return new AdminCommand("user enable", "Let a disabled user connect again", [User], ["user"], async (a, token) =>
        {
            var user = NameOf(a);
            await SetAsync(node, user, new UserRecord(Disabled: false, ""), token);
            return [new JsonObject { ["user"] = user }];
        }, WhileRecovering: true);
    }

    private static IEnumerable<JsonObject> List(NodeServices node)
    {
        var connections = node.Connections.Connections.CountBy(c => c.Identity.User).ToDictionary(c => c.Key, c => c.Value, StringComparer.Ordinal);
        var known = node.Users.Users.ToDictionary(u => u.Key, u => u.Value, StringComparer.Ordinal);
        var said = node.Access.UserLimits.Select(l => l.User).Concat(node.Access.Permissions.Select(p => p.User));
        foreach (var user in connections.Keys.Union(known.Keys, StringComparer.Ordinal).Union(said, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var record = known.GetValueOrDefault(user);
            yield return new JsonObject
            {
                ["user"] = user,
                ["state"] = record is { Disabled: true } ? "disabled" : "enabled",
                ["connections"] = connections.GetValueOrDefault(user),
                ["maxConnections"] = node.Access.LimitsOfUser(user)?.MaxConnections,
                ["reason"] = record?.Reason ?? "",
            };
        }
    }

    private static string NameOf(AdminArguments arguments) => VhostArgument.NameOf(arguments, "user", "user");

    private static Task SetAsync(NodeServices node, string user, UserRecord record, CancellationToken cancellationToken) =>
        VhostArgument.StoreAsync(node.Users.SetAsync(user, record, cancellationToken));
}
