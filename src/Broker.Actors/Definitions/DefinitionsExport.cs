using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Admin;
using Broker.Actors.Server;
using Broker.Actors.Topology;
using Broker.Machines.Access;
using Broker.Machines.Policies;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Definitions;

/// <summary>Writes what is declared and said as a file of definitions, in RabbitMQ's form: a line for each definition, in an order that does not change, so that two files can be compared.</summary>
/// <param name="node">The node.</param>
/// <param name="onlyVhost">What is in this vhost and nothing else; <c>null</c>: everything.</param>
internal sealed class DefinitionsExport(NodeServices node, string? onlyVhost)
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }; // what people read: quotes and umlauts as they are

    /// <summary>The lines of the file.</summary>
    public async Task<IReadOnlyList<string>> LinesAsync(CancellationToken cancellationToken)
    {
        var listing = await ExchangePalette.ListAsync(node, cancellationToken);
        var durable = listing.Queues.Where(q => q.Durable && q.Owner.Length == 0).Select(q => q.Name).ToHashSet(StringComparer.Ordinal);
        var exchanges = listing.Exchanges.Where(e => e.Durable).ToDictionary(e => e.Name, StringComparer.Ordinal);
        (string Name, IEnumerable<JsonObject> Entries)[] sections =
        [
            ("users", onlyVhost is null ? Users() : []),
            ("vhosts", listing.Vhosts.Where(v => Shows(v.Name)).Select(v => new JsonObject { ["name"] = v.Name, ["description"] = v.Description })),
            ("permissions", node.Access.Permissions.Where(p => Shows(p.Vhost)).Select(ToJson)),
            ("topic_permissions", node.Access.Topics.Where(t => Shows(t.Vhost)).Select(ToJson)),
            ("parameters", Parameters()),
            ("policies", node.Policies.Policies.All.Where(p => Shows(p.Vhost)).Select(p => Named(p.Vhost, p.Name, ToJson(p)))),
            ("exchanges", exchanges.Values.Where(e => ShowsEntity(e.Name) && !TopologyNames.IsBuiltIn(e.Name)).Select(ToJson)),
            ("queues", listing.Queues.Where(q => ShowsEntity(q.Name) && durable.Contains(q.Name)).Select(ToJson)),
            ("bindings", listing.Bindings.Where(b => ShowsEntity(b.Exchange) && exchanges.ContainsKey(b.Exchange) && IsDurableEnd(b)).Select(ToJson)),
        ];
        List<string> lines = ["{", $"  \"broker_version\": {Text(node.Options.ProductVersion)},"];
        for (var i = 0; i < sections.Length; i++)
        {
            var entries = sections[i].Entries.Select(e => $"    {e.ToJsonString(s_json)}").ToList();
            var end = i < sections.Length - 1 ? "]," : "]";
            lines.Add($"  \"{sections[i].Name}\": [{(entries.Count == 0 ? end : "")}");
            lines.AddRange(entries.Select((e, at) => at < entries.Count - 1 ? e + "," : e));
            if (entries.Count > 0)
            {
                lines.Add("  " + end);
            }
        }

        return [.. lines, "}"];

        bool IsDurableEnd(Binding b) => b.Kind == DestinationKind.Queue ? durable.Contains(b.Destination) : exchanges.ContainsKey(b.Destination);
    }

    private static string Text(string text) => JsonSerializer.Serialize(text, s_json);

    private bool Shows(string vhost) => onlyVhost is null || onlyVhost == vhost;

    private bool ShowsEntity(string entity) => Shows(EntityName.VhostOf(entity));

    private IEnumerable<JsonObject> Users()
    {
        var known = node.Users.Users.ToDictionary(u => u.Key, u => u.Value, StringComparer.Ordinal);
        var names = known.Keys.Concat(node.Access.Permissions.Select(p => p.User)).Concat(node.Access.Topics.Select(t => t.User)).Concat(node.Access.UserLimits.Select(l => l.User));
        foreach (var name in names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var user = new JsonObject { ["name"] = name, ["tags"] = new JsonArray(), ["limits"] = Limits(("max-connections", node.Access.LimitsOfUser(name)?.MaxConnections)) };
            if (known.GetValueOrDefault(name) is { Disabled: true } record)
            {
                user["disabled"] = true;
                user["reason"] = record.Reason;
            }

            yield return user;
        }
    }

    private IEnumerable<JsonObject> Parameters()
    {
        foreach (var policy in node.Policies.OperatorPolicies.All.Where(p => Shows(p.Vhost)))
        {
            yield return new JsonObject { ["component"] = "operator_policy", ["vhost"] = policy.Vhost, ["name"] = policy.Name, ["value"] = ToJson(policy) };
        }

        foreach (var limits in node.Access.VhostLimits.Where(l => Shows(l.Vhost)))
        {
            yield return new JsonObject
            {
                ["component"] = "vhost-limits", ["vhost"] = limits.Vhost, ["name"] = "limits",
                ["value"] = Limits(("max-connections", limits.MaxConnections), ("max-queues", limits.MaxQueues)),
            };
        }
    }

    private static JsonObject Limits(params (string Name, long? Value)[] limits) =>
        new(limits.Where(l => l.Value is not null).Select(l => KeyValuePair.Create(l.Name, (JsonNode?)JsonValue.Create(l.Value))));

    private static JsonObject Named(string vhost, string name, JsonObject values)
    {
        values.Insert(0, "vhost", vhost);
        values.Insert(1, "name", name);
        return values;
    }

    private static JsonObject ToJson(Permissions p) =>
        new() { ["user"] = p.User, ["vhost"] = p.Vhost, ["configure"] = p.Configure.Text, ["write"] = p.Write.Text, ["read"] = p.Read.Text };

    private static JsonObject ToJson(TopicPermissions t) =>
        new() { ["user"] = t.User, ["vhost"] = t.Vhost, ["exchange"] = t.Exchange, ["write"] = t.Write.Text, ["read"] = t.Read.Text };

    private static JsonObject ToJson(Policy p) =>
        new() { ["pattern"] = p.Pattern.Text, ["apply-to"] = p.ApplyTo, ["definition"] = FieldTableJson.ToJson(p.Definition.Table), ["priority"] = p.Priority };

    private static JsonObject ToJson(ExchangeDefinition e) => new()
    {
        ["name"] = EntityName.LocalOf(e.Name), ["vhost"] = EntityName.VhostOf(e.Name), ["type"] = e.Kind.NameOf(), ["durable"] = e.Durable, ["auto_delete"] = e.AutoDelete,
        ["internal"] = e.Internal, ["arguments"] = FieldTableJson.ToJson(e.Arguments.ToTable()),
    };

    private static JsonObject ToJson(QueueDefinition q) => new()
    {
        ["name"] = EntityName.LocalOf(q.Name), ["vhost"] = EntityName.VhostOf(q.Name), ["durable"] = q.Durable, ["auto_delete"] = q.AutoDelete,
        ["arguments"] = FieldTableJson.ToJson(q.Arguments.ToTable()),
    };

    private static JsonObject ToJson(Binding b) => new()
    {
        ["source"] = EntityName.LocalOf(b.Exchange), ["vhost"] = EntityName.VhostOf(b.Exchange), ["destination"] = EntityName.LocalOf(b.Destination),
        ["destination_type"] = b.Kind == DestinationKind.Queue ? "queue" : "exchange", ["routing_key"] = b.RoutingKey, ["arguments"] = FieldTableJson.ToJson(b.Arguments),
    };
}
