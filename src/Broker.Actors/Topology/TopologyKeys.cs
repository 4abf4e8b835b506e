using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Broker.Coordination;
using Broker.Machines.Queues;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// How what is declared stands in the metadata store: a key for each exchange, queue and binding, with a small JSON object. A queue's number is the revision that
/// created its key, so no two queues ever have the same.
/// </summary>
internal static partial class TopologyKeys
{
    /// <summary>Everything that is declared.</summary>
    public const string Prefix = "topology/";

    /// <summary>The vhosts, but for the one that is always there.</summary>
    public const string VhostPrefix = Prefix + "vhosts/";

    private const string Exchanges = Prefix + "exchanges/";
    private const string Queues = Prefix + "queues/";
    private const string Bindings = Prefix + "bindings/";
    private const string Uses = Prefix + "uses/"; // in a cluster: the key of a vhost, exchange or queue below it is written with each thing that needs it

    private sealed record VhostValue(string? Description = null);

    private sealed record ExchangeValue(string Type, bool Durable, bool? AutoDelete = null, bool? Internal = null, JsonObject? Arguments = null);

    private sealed record QueueValue(bool Durable, ulong? Id = null, bool? AutoDelete = null, string? Owner = null, JsonObject? Arguments = null);

    private sealed record BindingValue(string Exchange, string? Queue, string? To, string RoutingKey, JsonObject? Arguments = null);

    [JsonSerializable(typeof(VhostValue))]
    [JsonSerializable(typeof(ExchangeValue))]
    [JsonSerializable(typeof(QueueValue))]
    [JsonSerializable(typeof(BindingValue))]
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    private sealed partial class TopologyJson : JsonSerializerContext;

    /// <summary>The operation that makes a change last.</summary>
    /// <param name="change">The change.</param>
    /// <param name="transientLease">The lease of what is not durable.</param>
    /// <param name="isDurable">Whether a binding is.</param>
    public static MetadataOperation ToOperation(TopologyChange change, long transientLease, Func<Binding, bool> isDurable) => change switch
    {
        TopologyChange.VhostAdded { Vhost: var v } => MetadataOperation.Put(
            KeyOf(change), JsonSerializer.SerializeToUtf8Bytes(new VhostValue(v.Description.Length > 0 ? v.Description : null), TopologyJson.Default.VhostValue)),
        TopologyChange.ExchangeAdded { Exchange: var e } => MetadataOperation.Put(
            KeyOf(change),
            JsonSerializer.SerializeToUtf8Bytes(new ExchangeValue(e.Kind.NameOf(), e.Durable, Flag(e.AutoDelete), Flag(e.Internal), ToJson(e.Arguments.ToTable())), TopologyJson.Default.ExchangeValue),
            e.Durable ? 0 : transientLease),
        TopologyChange.QueueAdded { Queue: var q } => MetadataOperation.Put(
            KeyOf(change),
            JsonSerializer.SerializeToUtf8Bytes(
                new QueueValue(q.Durable, q.Id > 0 ? q.Id : null, Flag(q.AutoDelete), q.Owner.Length > 0 ? q.Owner : null, ToJson(q.Arguments.ToTable())), TopologyJson.Default.QueueValue),
            q.Durable ? 0 : transientLease),
        TopologyChange.BindingAdded { Binding: var b } => MetadataOperation.Put(
            KeyOf(change),
            JsonSerializer.SerializeToUtf8Bytes(
                new BindingValue(
                    b.Exchange, b.Kind == DestinationKind.Queue ? b.Destination : null, b.Kind == DestinationKind.Exchange ? b.Destination : null, b.RoutingKey, ToJson(b.Arguments)),
                TopologyJson.Default.BindingValue),
            isDurable(b) ? 0 : transientLease),
        _ => MetadataOperation.Delete(KeyOf(change)),
    };

    /// <summary>The key that a change is about.</summary>
    public static string KeyOf(TopologyChange change) => change switch
    {
        TopologyChange.VhostAdded c => OfVhost(c.Vhost.Name),
        TopologyChange.VhostRemoved c => OfVhost(c.Vhost),
        TopologyChange.ExchangeAdded c => OfExchange(c.Exchange.Name),
        TopologyChange.ExchangeRemoved c => OfExchange(c.Exchange),
        TopologyChange.QueueAdded c => OfQueue(c.Queue.Name),
        TopologyChange.QueueRemoved c => OfQueue(c.Queue),
        TopologyChange.BindingAdded c => KeyOf(c.Binding),
        TopologyChange.BindingRemoved c => KeyOf(c.Binding),
        _ => throw new ArgumentException($"topology change {change}", nameof(change)),
    };

    /// <summary>The changes that make the stored values again, vhosts before what is in them, ends before what binds them.</summary>
    /// <exception cref="InvalidDataException">A value is not one that a broker writes.</exception>
    public static IEnumerable<TopologyChange> ToChanges(IReadOnlyList<MetadataValue> values) =>
        values.Where(v => v.Key.StartsWith(VhostPrefix, StringComparison.Ordinal)).Select(ToVhost)
            .Concat(values.Where(v => v.Key.StartsWith(Exchanges, StringComparison.Ordinal)).Select(ToExchange))
            .Concat(values.Where(v => v.Key.StartsWith(Queues, StringComparison.Ordinal)).Select(ToQueue))
            .Concat(values.Where(v => v.Key.StartsWith(Bindings, StringComparison.Ordinal)).Select(ToBinding));

    /// <summary>Whether a key is a <see cref="UsesOf"/>.</summary>
    public static bool IsUses(string key) => key.StartsWith(Uses, StringComparison.Ordinal);

    /// <summary>In a cluster: the key that a node writes after a transaction of which it does not know whether it took place. Each of its transactions needs it to be as known.</summary>
    public static string FenceOf(string node) => Prefix + "fences/" + Escape(node);

    /// <summary>The change that makes one stored value; <c>null</c> if it makes none.</summary>
    /// <exception cref="InvalidDataException">The value is not one that a broker of this version writes.</exception>
    public static TopologyChange? ToChange(MetadataValue value) =>
        value.Key.StartsWith(VhostPrefix, StringComparison.Ordinal) ? ToVhost(value)
        : value.Key.StartsWith(Exchanges, StringComparison.Ordinal) ? ToExchange(value)
        : value.Key.StartsWith(Queues, StringComparison.Ordinal) ? ToQueue(value)
        : value.Key.StartsWith(Bindings, StringComparison.Ordinal) ? ToBinding(value)
        : null;

    /// <summary>The key of a vhost.</summary>
    public static string OfVhost(string name) => VhostPrefix + Escape(name);

    /// <summary>The key of an exchange.</summary>
    public static string OfExchange(string name) => Exchanges + Escape(name);

    /// <summary>The key of a queue.</summary>
    public static string OfQueue(string name) => Queues + Escape(name);

    /// <summary>
    /// The key that is written with each binding of an exchange or queue, and with each exchange and queue of a vhost, so that whoever removes it sees whether there is one more than it knew of.
    /// </summary>
    /// <param name="key">The key of the vhost, exchange or queue.</param>
    public static string UsesOf(string key) => Uses + key[Prefix.Length..];

    private static TopologyChange ToVhost(MetadataValue value) =>
        new TopologyChange.VhostAdded(new VhostDefinition(Unescape(value.Key[VhostPrefix.Length..]), Read(value, TopologyJson.Default.VhostValue).Description ?? ""));

    private static TopologyChange ToExchange(MetadataValue value)
    {
        var stored = Read(value, TopologyJson.Default.ExchangeValue);
        if (!ExchangeKinds.TryParse(stored.Type, out var kind))
        {
            throw new InvalidDataException($"metadata key '{value.Key}' has exchange type '{stored.Type}', which this version of the broker does not know. Start the newer version");
        }

        return ExchangeArguments.TryParse(ToTable(value, stored.Arguments), kind, out var arguments, out var fault)
            ? new TopologyChange.ExchangeAdded(new ExchangeDefinition(Unescape(value.Key[Exchanges.Length..]), kind, stored.Durable)
            {
                AutoDelete = stored.AutoDelete ?? false, Internal = stored.Internal ?? false, Arguments = arguments,
            })
            : throw Unknown(value, fault);
    }

    private static TopologyChange ToQueue(MetadataValue value)
    {
        var stored = Read(value, TopologyJson.Default.QueueValue);
        return QueueArguments.TryParse(ToTable(value, stored.Arguments), out var arguments, out var fault)
            ? new TopologyChange.QueueAdded(new QueueDefinition(Unescape(value.Key[Queues.Length..]), stored.Durable, stored.Id ?? (ulong)value.CreateRevision)
            {
                AutoDelete = stored.AutoDelete ?? false, Owner = stored.Owner ?? "", Arguments = arguments,
            })
            : throw Unknown(value, fault);
    }

    private static TopologyChange ToBinding(MetadataValue value)
    {
        var stored = Read(value, TopologyJson.Default.BindingValue);
        var (destination, kind) = stored.To is null ? (stored.Queue, DestinationKind.Queue) : (stored.To, DestinationKind.Exchange);
        return new TopologyChange.BindingAdded(new Binding(stored.Exchange, destination ?? throw new InvalidDataException($"metadata key '{value.Key}' leads nowhere"), stored.RoutingKey, kind)
        {
            Arguments = ToTable(value, stored.Arguments),
        });
    }

    private static bool? Flag(bool value) => value ? true : null;

    private static JsonObject? ToJson(FieldTable table) => table.Count == 0 ? null : FieldTableJson.ToJson(table);

    private static FieldTable ToTable(MetadataValue value, JsonObject? arguments)
    {
        try
        {
            return arguments is null ? FieldTable.Empty : FieldTableJson.ToTable(arguments);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"metadata key '{value.Key}' cannot be read: {e.Message}");
        }
    }

    private static InvalidDataException Unknown(MetadataValue value, FrameFault fault) =>
        new($"metadata key '{value.Key}' has what this version of the broker does not know: {fault.Reason}. Start the newer version");

    private static T Read<T>(MetadataValue value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Value.Span, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"metadata key '{value.Key}' cannot be read: {e.Message}");
        }
    }

    /// <summary>All that makes a binding is longer than a key may be, so its key is a hash of that; its value has it. Only the routing key may have line feeds, and comes last.</summary>
    public static string KeyOf(Binding binding)
    {
        var arguments = ToJson(binding.Arguments)?.ToJsonString();
        var names = Encoding.UTF8.GetBytes($"{binding.Exchange}\n{(int)binding.Kind}{binding.Destination}\n{arguments}\n{binding.RoutingKey}");
        return Bindings + Convert.ToHexStringLower(SHA256.HashData(names).AsSpan(0, 16));
    }

    private static string Escape(string name) => Uri.EscapeDataString(name);

    private static string Unescape(string name) => Uri.UnescapeDataString(name);
}
