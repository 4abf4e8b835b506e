using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Storage.Log;
using Broker.Transport;

namespace Broker.Actors.Admin;

/// <summary><c>cluster</c>: the nodes. One so far.</summary>
internal static class ClusterPalette
{
    /// <summary>What the node does: <c>up</c>, <c>recovering 43 %</c>, or <c>log failed</c>, which is up for what is not durable.</summary>
    private static string Status(NodeServices node)
    {
        if (!node.IsServing)
        {
            return node.Storage?.Progress is { TotalBytes: > 0 } progress ? $"recovering {progress.DoneBytes * 100 / progress.TotalBytes} %" : "recovering";
        }

        return node.Storage is { Log.State: LogState.Failed } ? "log failed" : "up";
    }

    public static IEnumerable<AdminCommand> Commands(ActorSystem system, NodeServices node, IQuicTransport transport, IQuicListener listener)
    {
        var started = system.TimeProvider.GetUtcNow();
        yield return new AdminCommand(
            "cluster show",
            "Show the nodes of the cluster",
            [],
            ["node", "status", "address", "version", "transport", "uptime", "connections", "queues", "memory"],
            (_, _) => BuiltInCommands.Rows(Show()),
            WhileRecovering: true);

        JsonObject Show()
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
                ["uptime"] = (system.TimeProvider.GetUtcNow() - started).ToString(@"d\.hh\:mm\:ss", null),
                ["connections"] = node.Connections.Count,
                ["queues"] = node.Queues.Queues.Count(),
                ["messageBytes"] = node.Memory.UsedBytes,
                ["messageBytesLimit"] = node.Memory.LimitBytes,
                ["memory"] = Environment.WorkingSet,
                ["unroutable"] = node.UnroutableCount,
                ["publishersBlocked"] = node.Memory.IsClosed,
                ["handshakesFailed"] = statistics.HandshakesFailed,
                ["handshakesPending"] = statistics.HandshakesPending,
            };
        }
    }
}
