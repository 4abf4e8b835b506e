using System.Text.Json.Nodes;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>queue</c>.</summary>
internal static class QueuePalette
{
    private static readonly string[] s_columns = ["name", "durable", "policy", "arguments", "ready", "delayed", "unsettled", "consumers", "bytes", "state", "blocked"];
    internal const int MaxPeek = 1000;
    internal static readonly AdminArgument Queue = new("queue", ArgumentKind.Positional, "string", "Name of the queue", Required: true);

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand(
            "queue list",
            node.Cluster is null ? "List the queues of this node" : "List the queues; those that another node leads have no figures here",
            [VhostArgument.Option],
            [.. node.Cluster is null ? s_columns : [.. s_columns, "leader"]],
            (a, _) =>
            {
                var vhost = VhostArgument.Of(node, a);
                return BuiltInCommands.Rows(node.Queues.Queues.Where(q => EntityName.VhostOf(q.Name) == vhost).Select(q => QueueRows.Of(node, q)));
            });
        yield return new AdminCommand(
            "queue declare",
            "Declare a queue; no effect if it exists alike",
            [
                Queue,
                new AdminArgument("transient", ArgumentKind.Flag, "bool", "It and its messages do not outlive the node's process"),
                new AdminArgument("auto-delete", ArgumentKind.Flag, "bool", "It goes with its last consumer"),
                ExchangePalette.Arguments,
                VhostArgument.Option,
            ],
            ["name", "messages", "consumers"],
            async (a, token) =>
            {
                var request = new TopologyRequest.DeclareQueue(VhostArgument.EntityOf(node, a, "queue"), Durable: !a.Flag("transient"), Passive: false)
                {
                    AutoDelete = a.Flag("auto-delete"), Arguments = ExchangePalette.TableOf(a),
                };
                var reply = await ExchangePalette.AskAsync(node, request, token);
                return [new JsonObject { ["name"] = EntityName.LocalOf(reply.Name), ["messages"] = reply.Messages, ["consumers"] = reply.Consumers }];
            });
        yield return new AdminCommand(
            "queue delete",
            "Delete a queue with its messages and bindings; no effect if it does not exist",
            [
                Queue,
                new AdminArgument("if-unused", ArgumentKind.Flag, "bool", "Only if it has no consumers"),
                new AdminArgument("if-empty", ArgumentKind.Flag, "bool", "Only if it has no messages"),
                VhostArgument.Option,
            ],
            ["name", "messages"],
            async (a, token) =>
            {
                var request = new TopologyRequest.DeleteQueue(VhostArgument.EntityOf(node, a, "queue"), a.Flag("if-unused"), a.Flag("if-empty"));
                var reply = await ExchangePalette.AskAsync(node, request, token);
                return [new JsonObject { ["name"] = a.Text("queue"), ["messages"] = reply.Messages }];
            });
        yield return new AdminCommand("queue purge", "Drop the ready messages of a queue", [Queue, VhostArgument.Option], ["name", "messages"], async (a, token) =>
        {
            var reply = await AskAsync<QueueReply.Purged>(node, VhostArgument.EntityOf(node, a, "queue"), new QueueMessage.Purge(), token);
            Throw(reply.Fault);
            return [new JsonObject { ["name"] = a.Text("queue"), ["messages"] = reply.MessageCount }];
        });
        yield return new AdminCommand(
            "queue peek",
            "Show the first ready messages of a queue and leave them there",
            [Queue, new AdminArgument("count", ArgumentKind.Option, "int", $"How many, 1 to {MaxPeek}", Default: 10), VhostArgument.Option],
            ["position", "exchange", "key", "priority", "taken", "deliveries", "bytes", "body"],
            async (a, token) =>
            {
                var reply = await AskAsync<QueueReply.Peeked>(node, VhostArgument.EntityOf(node, a, "queue"), new QueueMessage.Peek(a.Number("count", 1, MaxPeek)), token);
                Throw(reply.Fault);
                return [.. reply.Entries.Select(e => QueueRows.OfMessage(e))];
            });
    }

    internal static Task<T> AskAsync<T>(NodeServices node, string name, QueueMessage message, CancellationToken cancellationToken)
    {
        if (!node.Queues.TryGet(name, out var queue))
        {
            var fault = TopologyMachine.NoQueue(name);
            throw new AdminException(fault.Code, fault.Reason);
        }

        if (!queue.IsAvailable)
        {
            var moving = node.QueueGone(name);
            throw new AdminException(moving.Code, moving.Reason);
        }

        return queue.Actor.AskAsync<T>(message, BuiltInCommands.AskTimeout, cancellationToken);
    }

    internal static void Throw(FrameFault? fault)
    {
        if (fault is { } reason)
        {
            throw new AdminException(reason.Code, reason.Reason);
        }
    }
}
