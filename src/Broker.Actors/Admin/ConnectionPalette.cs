using System.Text.Json.Nodes;
using Broker.Actors.Connections;
using Broker.Actors.Server;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>connection</c>.</summary>
internal static class ConnectionPalette
{
    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "connection list",
            "List the connections of this node, and why a publisher is blocked",
            [],
            ["id", "user", "vhost", "client", "address", "protocol", "streams", "rttUs", "blocked"],
            (_, _) => BuiltInCommands.Rows(node.Connections.Connections.Select(Row)),
            WhileRecovering: true);
        yield return new AdminCommand(
            "stream list",
            "List the streams of this node's connections, and why a publisher is blocked",
            [new AdminArgument("blocked", ArgumentKind.Flag, "bool", "Only those that are blocked")],
            ["connection", "user", "stream", "kind", "subject", "messages", "blocked"],
            (a, _) => BuiltInCommands.Rows(
                node.Connections.Connections.SelectMany(c => c.Streams.Values.OrderBy(s => s.Id).Where(s => s.BlockedBy is not null || !a.Flag("blocked")).Select(s => Row(c, s)))),
            WhileRecovering: true);
        yield return new AdminCommand(
            "connection close",
            "Close a connection",
            [
                new AdminArgument("id", ArgumentKind.Positional, "int", "Number of the connection", Required: true),
                new AdminArgument("reason", ArgumentKind.Option, "string", "Told to the client", Default: "closed by an administrator"),
            ],
            ["id", "user"],
            async (a, _) =>
            {
                var id = a.Number("id", 0, int.MaxValue);
                var status = node.Connections.Find(id) ?? throw new AdminException(ErrorCode.NotFound, $"there is no connection {id}");
                await status.Connection.CloseAsync((long)ErrorCode.Cancelled, a.Text("reason"));
                return [new JsonObject { ["id"] = id, ["user"] = status.Identity.User }];
            });
    }

    private static JsonObject Row(ConnectionStatus connection, StreamStatus stream) => new()
    {
        ["connection"] = connection.Connection.Id,
        ["user"] = connection.Identity.User,
        ["stream"] = stream.Id,
        ["kind"] = stream.Kind,
        ["subject"] = stream.Subject,
        ["messages"] = stream.Messages,
        ["blocked"] = stream.BlockedBy ?? "",
    };

    private static JsonObject Row(ConnectionStatus status)
    {
        var statistics = status.Connection.GetStatistics();
        var streams = status.Streams.Values.OrderBy(s => s.Id).ToList();
        return new JsonObject
        {
            ["id"] = status.Connection.Id,
            ["user"] = status.Identity.User,
            ["roles"] = status.Identity.Roles.ToString().ToLowerInvariant(),
            ["vhost"] = status.Vhost ?? "",
            ["client"] = status.ClientName,
            ["address"] = status.Connection.RemoteEndPoint.ToString(),
            ["protocol"] = status.Connection.ApplicationProtocol,
            ["since"] = status.Since.ToString("O", null),
            ["streams"] = streams.Count,
            ["blocked"] = string.Join("; ", streams.Select(s => s.BlockedBy).Where(b => b is not null)),
            ["rttUs"] = statistics.SmoothedRtt.TotalMicroseconds,
            ["congestionWindow"] = statistics.CongestionWindow,
            ["packetsLost"] = statistics.PacketsLost,
            ["bytesSent"] = statistics.BytesSent,
            ["bytesReceived"] = statistics.BytesReceived,
            ["streamDetails"] = new JsonArray([.. streams.Select(s => new JsonObject
            {
                ["id"] = s.Id,
                ["kind"] = s.Kind,
                ["subject"] = s.Subject,
                ["messages"] = s.Messages,
                ["blocked"] = s.BlockedBy,
            })]),
        };
    }
}
