using System.Text.Json.Nodes;
using Broker.Actors.Queues;
using Broker.Actors.Server;
using Broker.Machines.Topology;

namespace Broker.Actors.Admin;

/// <summary><c>queue</c>: what a queue does, and whether it may.</summary>
internal static class QueueLifePalette
{
    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "queue show",
            "Show a queue with its arguments, figures and consumers; those of one that another node leads are known there",
            [QueuePalette.Queue, VhostArgument.Option],
            [],
            async (a, token) =>
            {
                var name = VhostArgument.EntityOf(node, a, "queue");
                if (!node.Queues.TryGet(name, out var queue))
                {
                    QueuePalette.Throw(TopologyMachine.NoQueue(name));
                    return [];
                }

                var row = QueueRows.Of(node, queue);
                if (queue.IsLocal)
                {
                    var reply = await QueuePalette.AskAsync<QueueReply.Consumers>(node, name, QueueMessage.ListConsumers.Instance, token);
                    QueuePalette.Throw(reply.Fault);
                    row["consumerDetails"] = new JsonArray([.. reply.List.Select(c => new JsonObject { ["stream"] = c.Path, ["active"] = c.IsActive })]);
                }

                return [row];
            });
        yield return Pausing(node, "queue pause", "Hand out nothing of a queue until it is resumed, over restarts as well; messages are taken in all the same", isPaused: true);
        yield return Pausing(node, "queue resume", "Hand out messages of a queue again", isPaused: false);
        yield return new AdminCommand(
            "queue delayed",
            "Show messages of a queue that wait for their time, the next first",
            [QueuePalette.Queue, new AdminArgument("count", ArgumentKind.Option, "int", $"How many, 1 to {QueuePalette.MaxPeek}", Default: 10), VhostArgument.Option],
            ["position", "due", "exchange", "key", "priority", "deliveries", "bytes", "body"],
            async (a, token) =>
            {
                var name = VhostArgument.EntityOf(node, a, "queue");
                var reply = await QueuePalette.AskAsync<QueueReply.Delayed>(node, name, new QueueMessage.PeekDelayed(a.Number("count", 1, QueuePalette.MaxPeek)), token);
                QueuePalette.Throw(reply.Fault);
                return [.. reply.Entries.Select(e => QueueRows.OfMessage(e.Entry, e.Due))];
            });
    }

    private static AdminCommand Pausing(NodeServices node, string name, string summary, bool isPaused) =>
        new(name, summary, [QueuePalette.Queue, VhostArgument.Option], ["name", "state"], async (a, token) =>
        {
            var reply = await QueuePalette.AskAsync<QueueReply.Paused>(node, VhostArgument.EntityOf(node, a, "queue"), new QueueMessage.Pause(isPaused), token);
            QueuePalette.Throw(reply.Fault);
            return [new JsonObject { ["name"] = a.Text("queue"), ["state"] = reply.IsPaused ? "paused" : "running" }];
        });
}
