using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>actor</c>: the tree of actors.</summary>
internal static class ActorPalette
{
    private const int MaxDepth = 32;

    public static IEnumerable<AdminCommand> Commands(ActorSystem system)
    {
        yield return new AdminCommand(
            "actor hierarchy",
            "Show the tree of actors",
            [
                new AdminArgument("start", ArgumentKind.Option, "string", "Path to start from, such as /user/queue; default: the root"),
                new AdminArgument("depth", ArgumentKind.Option, "int", "Levels to show, 0 to 32", Default: MaxDepth),
            ],
            ["path", "type", "mailbox", "processed", "restarts", "detail"],
            (arguments, _) =>
            {
                var start = arguments.Text("start");
                var root = system.GetHierarchy(start.Length > 0 ? start : null, arguments.Number("depth", 0, MaxDepth))
                    ?? throw new AdminException(ErrorCode.NotFound, $"there is no actor '{start}'");
                var rows = new List<JsonObject>();
                Add(root, 0, rows);
                return BuiltInCommands.Rows(rows);
            },
            WhileRecovering: true);
    }

    private static void Add(ActorHierarchyNode actor, int depth, List<JsonObject> rows)
    {
        rows.Add(new JsonObject
        {
            ["path"] = actor.Path.ToString(),
            ["depth"] = depth,
            ["type"] = actor.TypeName,
            ["mailbox"] = actor.MailboxLength,
            ["processed"] = actor.Processed,
            ["restarts"] = actor.Restarts,
            ["detail"] = actor.Detail,
        });
        foreach (var child in actor.Children)
        {
            Add(child, depth + 1, rows);
        }
    }
}
