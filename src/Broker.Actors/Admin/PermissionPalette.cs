using System.Text.Json.Nodes;
using Broker.Actors.Access;
using Broker.Actors.Server;
using Broker.Machines.Access;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>permission</c> and <c>topic-permission</c>: who may do what in which vhost.</summary>
internal static class PermissionPalette
{
    private static readonly string[] s_columns = ["user", "vhost", "configure", "write", "read"];
    private static readonly string[] s_topicColumns = ["user", "vhost", "exchange", "write", "read"];
    private static readonly AdminArgument User = new("user", ArgumentKind.Positional, "string", "Name of the user, as certificates have it", Required: true);
    private static readonly AdminArgument Exchange = new("exchange", ArgumentKind.Positional, "string", "Name of a topic exchange", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node) => [.. Permissions(node), .. TopicPermissions(node)];

    private static IEnumerable<AdminCommand> Permissions(NodeServices node)
    {
        yield return new AdminCommand(
            "permission list",
            "List what users may do, by the patterns of the names of exchanges and queues",
            [VhostArgument.Filter],
            s_columns,
            (a, _) => BuiltInCommands.Rows(node.Access.Permissions.Where(p => VhostArgument.Shows(a, p.Vhost)).Select(Row)),
            WhileRecovering: true);
        yield return new AdminCommand(
            "permission set",
            "Say what a user may do in a vhost; '.*' is everything, an empty pattern nothing",
            [
                User,
                Pattern("configure", "Names of exchanges and queues to declare and delete"),
                Pattern("write", "Names of exchanges to publish to, and of queues and exchanges to bind to others"),
                Pattern("read", "Names of queues to take messages from, and of exchanges to bind others to"),
                VhostArgument.Option,
            ],
            s_columns,
            async (a, token) =>
            {
                var permissions = new Permissions(NameOf(a), VhostArgument.Of(node, a), PatternOf(a, "configure"), PatternOf(a, "write"), PatternOf(a, "read"));
                await VhostArgument.StoreAsync(node.Access.SetAsync(permissions, token));
                return [Row(permissions)];
            },
            WhileRecovering: true);
        yield return new AdminCommand(
            "permission clear",
            "Take a user's permissions in a vhost back; no effect if it has none",
            [User, VhostArgument.Option],
            ["user", "vhost"],
            async (a, token) =>
            {
                var (user, vhost) = (NameOf(a), VhostArgument.Of(node, a));
                await VhostArgument.StoreAsync(node.Access.ClearAsync(AccessKeys.OfPermissions(user, vhost), token));
                return [new JsonObject { ["user"] = user, ["vhost"] = vhost }];
            },
            WhileRecovering: true);
    }

    private static IEnumerable<AdminCommand> TopicPermissions(NodeServices node)
    {
        yield return new AdminCommand(
            "topic-permission list",
            "List with which routing keys users may publish and bind at topic exchanges",
            [VhostArgument.Filter],
            s_topicColumns,
            (a, _) => BuiltInCommands.Rows(node.Access.Topics.Where(t => VhostArgument.Shows(a, t.Vhost)).Select(Row)),
            WhileRecovering: true);
        yield return new AdminCommand(
            "topic-permission set",
            "Say with which routing keys a user may publish and bind at a topic exchange; without it, with all",
            [
                User,
                Exchange,
                Pattern("write", "Routing keys to publish with; {username} and {vhost} stand for those names"),
                Pattern("read", "Routing keys to bind with, likewise"),
                VhostArgument.Option,
            ],
            s_topicColumns,
            async (a, token) =>
            {
                var (user, vhost, exchange) = (NameOf(a), VhostArgument.Of(node, a), VhostArgument.NameOf(a, "exchange", "exchange"));
                if (!Machines.Access.TopicPermissions.TryParse(user, vhost, exchange, a.Text("write"), a.Text("read"), out var topic, out var problem))
                {
                    throw new AdminException(ErrorCode.InvalidArgument, problem);
                }

                await VhostArgument.StoreAsync(node.Access.SetAsync(topic, token));
                return [Row(topic)];
            },
            WhileRecovering: true);
        yield return new AdminCommand(
            "topic-permission clear",
            "Let a user publish and bind with all routing keys again",
            [User, Exchange, VhostArgument.Option],
            ["user", "vhost", "exchange"],
            async (a, token) =>
            {
                var (user, vhost, exchange) = (NameOf(a), VhostArgument.Of(node, a), VhostArgument.NameOf(a, "exchange", "exchange"));
                await VhostArgument.StoreAsync(node.Access.ClearAsync(AccessKeys.OfTopic(user, vhost, exchange), token));
                return [new JsonObject { ["user"] = user, ["vhost"] = vhost, ["exchange"] = exchange }];
            },
            WhileRecovering: true);
    }

    private static AdminArgument Pattern(string name, string description) => new(name, ArgumentKind.Positional, "string", description, Required: true);

    private static string NameOf(AdminArguments arguments) => VhostArgument.NameOf(arguments, "user", "user");

    private static NamePattern PatternOf(AdminArguments arguments, string name) =>
        NamePattern.TryParse(arguments.Text(name), out var pattern, out var problem) ? pattern : throw new AdminException(ErrorCode.InvalidArgument, $"{name}: {problem}");

    private static JsonObject Row(Permissions p) =>
        new() { ["user"] = p.User, ["vhost"] = p.Vhost, ["configure"] = p.Configure.Text, ["write"] = p.Write.Text, ["read"] = p.Read.Text };

    private static JsonObject Row(TopicPermissions t) =>
        new() { ["user"] = t.User, ["vhost"] = t.Vhost, ["exchange"] = t.Exchange, ["write"] = t.Write.Text, ["read"] = t.Read.Text };
}
