using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary><c>exchange</c> and <c>binding</c>.</summary>
internal static class ExchangePalette
{
    private static readonly AdminArgument Exchange = new("exchange", ArgumentKind.Positional, "string", "Name of the exchange", Required: true);
    private static readonly AdminArgument Destination = new("destination", ArgumentKind.Positional, "string", "Name of the queue, or of an exchange", Required: true);
    private static readonly AdminArgument Key = new("key", ArgumentKind.Option, "string", "Routing key; default: empty", Default: "");
    private static readonly AdminArgument Kind = new("kind", ArgumentKind.Option, "string", "What the destination is: queue or exchange", Default: "queue");
    private static readonly string[] s_bindingColumns = ["exchange", "key", "destination", "kind", "arguments"];

    /// <summary>A declaration's arguments, for all palettes.</summary>
    public static readonly AdminArgument Arguments = new("arguments", ArgumentKind.Option, "string", "Arguments as a JSON object, such as '{\"x-max-length\": 1000}'", Default: "");

    public static IEnumerable<AdminCommand> Commands(NodeServices node)
    {
        string[] columns = ["name", "type", "durable", "autoDelete", "internal", "arguments", "policy", "bindings"];
        yield return new AdminCommand("exchange list", "List the exchanges of a vhost", [VhostArgument.Option], columns, async (a, token) =>
        {
            var vhost = VhostArgument.Of(node, a);
            var listing = await ListAsync(node, token);
            var bindings = listing.Bindings.CountBy(b => b.Exchange).ToDictionary(c => c.Key, c => c.Value, StringComparer.Ordinal);
            return [.. listing.Exchanges.Where(e => EntityName.VhostOf(e.Name) == vhost).Select(e => new JsonObject
            {
                ["name"] = EntityName.LocalOf(e.Name),
                ["vhost"] = vhost,
                ["type"] = e.Kind.NameOf(),
                ["durable"] = e.Durable,
                ["autoDelete"] = e.AutoDelete,
                ["internal"] = e.Internal,
                ["arguments"] = ArgumentsOf(e.Arguments.ToTable()),
                ["policy"] = node.Policies.FindForExchange(e.Name)?.Name ?? "",
                ["bindings"] = bindings.GetValueOrDefault(e.Name),
            })];
        });
        yield return new AdminCommand(
            "exchange declare",
            "Declare an exchange; no effect if it exists alike",
            [
                Exchange,
                new AdminArgument("type", ArgumentKind.Option, "string", string.Join(", ", ExchangeKinds.Names), Default: "direct"),
                new AdminArgument("transient", ArgumentKind.Flag, "bool", "Does not outlive the node's process"),
                new AdminArgument("auto-delete", ArgumentKind.Flag, "bool", "Goes with the last binding from it"),
                new AdminArgument("internal", ArgumentKind.Flag, "bool", "Nobody can publish to it; messages come to it through bindings"),
                new AdminArgument("alternate", ArgumentKind.Option, "string", "Where messages go that no binding matches: an exchange", Default: ""),
                Arguments,
                VhostArgument.Option,
            ],
            ["name", "type"],
            async (a, token) =>
            {
                var arguments = TableOf(a);
                if (a.Text("alternate") is { Length: > 0 } alternate)
                {
                    arguments = FieldTable.Of(arguments.Where(e => e.Key != "alternate-exchange").Append(KeyValuePair.Create("alternate-exchange", FieldValue.From(alternate))));
                }

                var request = new TopologyRequest.DeclareExchange(VhostArgument.EntityOf(node, a, "exchange"), a.Text("type"), Durable: !a.Flag("transient"), Passive: false)
                {
                    AutoDelete = a.Flag("auto-delete"),
                    Internal = a.Flag("internal"),
                    Arguments = arguments,
                };
                await AskAsync(node, request, token);
                return [new JsonObject { ["name"] = a.Text("exchange"), ["type"] = a.Text("type") }];
            });
        yield return new AdminCommand(
            "exchange delete",
            "Delete an exchange, the bindings from it and to it; no effect if it does not exist",
            [Exchange, new AdminArgument("if-unused", ArgumentKind.Flag, "bool", "Only if it has no bindings to anything"), VhostArgument.Option],
            ["name"],
            async (a, token) =>
            {
                await AskAsync(node, new TopologyRequest.DeleteExchange(VhostArgument.EntityOf(node, a, "exchange"), a.Flag("if-unused")), token);
                return [new JsonObject { ["name"] = a.Text("exchange") }];
            });
        yield return new AdminCommand("binding list", "List the bindings of a vhost", [VhostArgument.Option], s_bindingColumns, async (a, token) =>
        {
            var vhost = VhostArgument.Of(node, a);
            return [.. (await ListAsync(node, token)).Bindings.Where(b => EntityName.VhostOf(b.Exchange) == vhost).Select(Row)];
        });
        AdminArgument[] binding = [Exchange, Destination, Key, Kind, Arguments, VhostArgument.Option];
        yield return new AdminCommand(
            "binding declare", "Bind a queue, or an exchange, to an exchange", binding, s_bindingColumns, async (a, token) =>
            {
                var declared = BindingOf(node, a);
                await AskAsync(node, new TopologyRequest.Bind(declared), token);
                return [Row(declared)];
            });
        yield return new AdminCommand("binding delete", "Remove a binding, named by all that it was declared with", binding, s_bindingColumns, async (a, token) =>
        {
            var removed = BindingOf(node, a);
            await AskAsync(node, new TopologyRequest.Unbind(removed), token);
            return [Row(removed)];
        });
    }

    /// <exception cref="AdminException">The topology refuses.</exception>
    public static async Task<TopologyReply> AskAsync(NodeServices node, TopologyRequest request, CancellationToken cancellationToken)
    {
        var reply = await node.Topology.AskAsync<TopologyReply>(request, BuiltInCommands.AskTimeout, cancellationToken);
        return reply.Fault is { } fault ? throw new AdminException(fault.Code, fault.Reason) : reply;
    }

    /// <summary>What was given for <see cref="Arguments"/>.</summary>
    /// <exception cref="AdminException">It is not a JSON object of values.</exception>
    public static FieldTable TableOf(AdminArguments arguments)
    {
        var text = arguments.Text("arguments");
        try
        {
            return text.Length == 0 ? FieldTable.Empty
                : FieldTableJson.ToTable(JsonNode.Parse(text) as JsonObject ?? throw new InvalidDataException("a JSON object is needed, such as '{\"x-max-length\": 1000}'"));
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or ArgumentException)
        {
            throw new AdminException(ErrorCode.InvalidArgument, $"arguments: {e.Message}");
        }
    }

    /// <summary>Arguments as a row shows them.</summary>
    public static string ArgumentsOf(FieldTable arguments) => arguments.Count == 0 ? "" : FieldTableJson.ToJson(arguments).ToJsonString();

    public static Task<TopologyListing> ListAsync(NodeServices node, CancellationToken cancellationToken) =>
        node.Topology.AskAsync<TopologyListing>(new TopologyRequest.List(), BuiltInCommands.AskTimeout, cancellationToken);

    private static Binding BindingOf(NodeServices node, AdminArguments arguments) => new(
        VhostArgument.EntityOf(node, arguments, "exchange"),
        VhostArgument.EntityOf(node, arguments, "destination"),
        arguments.Text("key"),
        arguments.Text("kind") switch
        {
            "queue" => DestinationKind.Queue,
            "exchange" => DestinationKind.Exchange,
            var other => throw new AdminException(ErrorCode.InvalidArgument, $"kind '{other}' is neither 'queue' nor 'exchange'"),
        })
    {
        Arguments = TableOf(arguments),
    };

    private static JsonObject Row(Binding binding) => new()
    {
        ["exchange"] = EntityName.LocalOf(binding.Exchange),
        ["key"] = binding.RoutingKey,
        ["destination"] = EntityName.LocalOf(binding.Destination),
        ["kind"] = binding.Kind == DestinationKind.Queue ? "queue" : "exchange",
        ["arguments"] = ArgumentsOf(binding.Arguments),
    };
}
