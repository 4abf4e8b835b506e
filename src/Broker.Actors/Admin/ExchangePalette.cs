using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Actors.Admin;

/// <summary><c>exchange</c> and <c>binding</c>.</summary>
internal static class ExchangePalette
{
    private static readonly AdminArgument Exchange = new("exchange", ArgumentKind.Positional, "string", "Name of the exchange", Required: true);
    private static readonly AdminArgument Queue = new("queue", ArgumentKind.Positional, "string", "Name of the queue", Required: true);
    private static readonly AdminArgument Key = new("key", ArgumentKind.Option, "string", "Routing key; default: empty", Default: "");

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        yield return new AdminCommand("exchange list", "List the exchanges", [], ["name", "type", "durable", "bindings"], async (_, token) =>
        {
            var listing = await ListAsync(node, token);
            var bindings = listing.Bindings.CountBy(b => b.Exchange).ToDictionary(c => c.Key, c => c.Value, StringComparer.Ordinal);
            return [.. listing.Exchanges.Select(e => new JsonObject
            {
                ["name"] = e.Name,
                ["type"] = e.Kind.NameOf(),
                ["durable"] = e.Durable,
                ["bindings"] = bindings.GetValueOrDefault(e.Name),
            })];
        });
        yield return new AdminCommand(
            "exchange declare",
            "Declare an exchange; no effect if it exists alike",
            [
                Exchange,
                new AdminArgument("type", ArgumentKind.Option, "string", "direct or fanout", Default: "direct"),
                new AdminArgument("transient", ArgumentKind.Flag, "bool", "Does not outlive the node's process"),
            ],
            ["name", "type"],
            async (a, token) =>
            {
                await AskAsync(node, new TopologyRequest.DeclareExchange(a.Text("exchange"), a.Text("type"), Durable: !a.Flag("transient"), Passive: false), token);
                return [new JsonObject { ["name"] = a.Text("exchange"), ["type"] = a.Text("type") }];
            });
        yield return new AdminCommand(
            "exchange delete",
            "Delete an exchange and its bindings; no effect if it does not exist",
            [Exchange, new AdminArgument("if-unused", ArgumentKind.Flag, "bool", "Only if nothing is bound to it")],
            ["name"],
            async (a, token) =>
            {
                await AskAsync(node, new TopologyRequest.DeleteExchange(a.Text("exchange"), a.Flag("if-unused")), token);
                return [new JsonObject { ["name"] = a.Text("exchange") }];
            });
        yield return new AdminCommand("binding list", "List the bindings", [], ["exchange", "key", "queue"], async (_, token) =>
            [.. (await ListAsync(node, token)).Bindings.Select(Row)]);
        yield return new AdminCommand("binding declare", "Bind a queue to an exchange", [Exchange, Queue, Key], ["exchange", "key", "queue"], async (a, token) =>
        {
            var binding = new Binding(a.Text("exchange"), a.Text("queue"), a.Text("key"));
            await AskAsync(node, new TopologyRequest.Bind(binding), token);
            return [Row(binding)];
        });
        yield return new AdminCommand("binding delete", "Remove a binding", [Exchange, Queue, Key], ["exchange", "key", "queue"], async (a, token) =>
        {
            var binding = new Binding(a.Text("exchange"), a.Text("queue"), a.Text("key"));
            await AskAsync(node, new TopologyRequest.Unbind(binding), token);
            return [Row(binding)];
        });
    }

    /// <exception cref="AdminException">The topology refuses.</exception>
    public static async Task<TopologyReply> AskAsync(NodeServices node, TopologyRequest request, CancellationToken cancellationToken)
    {
        var reply = await node.Topology.AskAsync<TopologyReply>(request, BuiltInCommands.AskTimeout, cancellationToken);
        return reply.Fault is { } fault ? throw new AdminException(fault.Code, fault.Reason) : reply;
    }

    private static Task<TopologyListing> ListAsync(NodeServices node, CancellationToken cancellationToken) =>
        node.Topology.AskAsync<TopologyListing>(new TopologyRequest.List(), BuiltInCommands.AskTimeout, cancellationToken);

    private static JsonObject Row(Binding binding) =>
        new() { ["exchange"] = binding.Exchange, ["key"] = binding.RoutingKey, ["queue"] = binding.Queue };
}
