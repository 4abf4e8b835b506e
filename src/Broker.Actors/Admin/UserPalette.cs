using System.Text.Json.Nodes;
using Broker.Actors.Server;
using Broker.Actors.Users;
using Broker.Coordination;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>user</c>: who may connect.</summary>
internal static class UserPalette
{
    private const int MaxNameBytes = 255;
    private static readonly AdminArgument User = new("user", ArgumentKind.Positional, "string", "Name of the user, as certificates have it", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "user list",
            "List the users that are connected or that something is known of",
            [],
            ["user", "state", "connections", "reason"],
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
        foreach (var user in connections.Keys.Union(known.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var record = known.GetValueOrDefault(user);
            yield return new JsonObject
            {
                ["user"] = user,
                ["state"] = record is { Disabled: true } ? "disabled" : "enabled",
                ["connections"] = connections.GetValueOrDefault(user),
                ["reason"] = record?.Reason ?? "",
            };
        }
    }

    private static string NameOf(AdminArguments arguments)
    {
        var user = arguments.Text("user");
        return user.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(user) <= MaxNameBytes
            ? user
            : throw new AdminException(ErrorCode.InvalidArgument, $"a user's name has 1 to {MaxNameBytes} bytes");
    }

    private static async Task SetAsync(NodeServices node, string user, UserRecord record, CancellationToken cancellationToken)
    {
        try
        {
            await node.Users.SetAsync(user, record, cancellationToken);
        }
        catch (MetadataUnavailableException e)
        {
            throw new AdminException(ErrorCode.Unavailable, $"it cannot be stored now: {e.Message}");
        }
    }
}
