using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Broker.Actors.Access;
using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Policies;
using Broker.Machines.Queues;
using Broker.Machines.Topology;

namespace Broker.Actors.Policies;

/// <summary>Policies and operators' policies as they are known on this node. Kept in the metadata store, if the node has one. Thread-safe.</summary>
internal sealed partial class PolicyDirectory : IQueuePolicies
{
    /// <summary>Of the keys in the metadata store.</summary>
    public const string Prefix = "policies/";

    private const string OfUsers = Prefix + "users/";
    private const string OfOperators = Prefix + "operators/";
    private const char Separator = '\u001f'; // between vhost and name in a key
    private readonly MetadataRecords _records;
    private readonly Action<IReadOnlySet<string>> _changed;
    private Sets _sets = new(PolicySet.None, PolicySet.None);

    /// <param name="metadata">Where they stand; <c>null</c>: they last as long as the process.</param>
    /// <param name="notice">Hears of what cannot be read.</param>
    /// <param name="changed">Hears of vhosts whose policies have changed, when the new ones are in force here.</param>
    public PolicyDirectory(IMetadataStore? metadata, Action<string> notice, Action<IReadOnlySet<string>> changed)
    {
        _changed = changed;
        _records = new MetadataRecords(metadata, Prefix, Read, (_, problem) =>
        {
            notice(problem.Message);
            return null;
        }, Rebuild);
    }

    private sealed record Sets(PolicySet OfUsers, PolicySet OfOperators);

    private sealed record PolicyValue(string Pattern, string ApplyTo, int Priority, JsonObject Definition);

    [JsonSerializable(typeof(PolicyValue))]
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
    private sealed partial class PolicyJson : JsonSerializerContext;

    /// <summary>Policies.</summary>
    public PolicySet Policies => Volatile.Read(ref _sets).OfUsers;

    /// <summary>Operators' policies.</summary>
    public PolicySet OperatorPolicies => Volatile.Read(ref _sets).OfOperators;

    /// <inheritdoc/>
    public (QueueArguments? Policy, QueueArguments? OperatorPolicy, string Name) For(string entity, QueueKind kind)
    {
        var (policy, bound) = Find(entity, kind);
        return (policy?.Definition.Queue, bound?.Definition.Queue, policy?.Name ?? "");
    }

    /// <summary>The policy and the operators' policy for a queue; <c>null</c> if there is none.</summary>
    public (Policy? Policy, Policy? OperatorPolicy) Find(string entity, QueueKind kind)
    {
        var sets = Volatile.Read(ref _sets);
        var (vhost, name) = (EntityName.VhostOf(entity), EntityName.LocalOf(entity));
        return (sets.OfUsers.ForQueue(vhost, name, kind), sets.OfOperators.ForQueue(vhost, name, kind));
    }

    /// <summary>The policy for an exchange; <c>null</c> if there is none.</summary>
    public Policy? FindForExchange(string entity) => Policies.ForExchange(EntityName.VhostOf(entity), EntityName.LocalOf(entity));

    /// <summary>A policy by its name; <c>null</c> if there is none.</summary>
    public Policy? Get(string vhost, string name, bool isOperator) => _records.All.GetValueOrDefault(KeyOf(vhost, name, isOperator)) as Policy;

    /// <summary>Reads what is known, before the first queue.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public Task LoadAsync(CancellationToken cancellationToken) => _records.LoadAsync(cancellationToken);

    /// <summary>Everything was read.</summary>
    public void Merge(MetadataSnapshot snapshot) => _records.Merge(snapshot);

    /// <summary>Something has changed, by this node or by another.</summary>
    public void Apply(MetadataChange change) => _records.Apply(change);

    /// <summary>Sets a policy, instead of that of the same name if there is one. Queues of this node have been told when the task completes.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task SetAsync(Policy policy, CancellationToken cancellationToken)
    {
        var value = new PolicyValue(policy.Pattern.Text, policy.ApplyTo, policy.Priority, FieldTableJson.ToJson(policy.Definition.Table));
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, PolicyJson.Default.PolicyValue);
        return _records.CommitAsync([(KeyOf(policy.Vhost, policy.Name, policy.IsOperator), policy, bytes)], cancellationToken);
    }

    /// <summary>Takes a policy back. No effect if there is none.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task ClearAsync(string vhost, string name, bool isOperator, CancellationToken cancellationToken) => ClearAsync([KeyOf(vhost, name, isOperator)], cancellationToken);

    /// <summary>Takes back all policies of a vhost.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task ForgetVhostAsync(string vhost, CancellationToken cancellationToken) =>
        ClearAsync([.. _records.All.Where(r => ((Policy)r.Value).Vhost == vhost).Select(r => r.Key)], cancellationToken);

    private static string KeyOf(string vhost, string name, bool isOperator) => $"{(isOperator ? OfOperators : OfUsers)}{vhost}{Separator}{name}";

    private static Policy Read(MetadataValue value)
    {
        var isOperator = value.Key.StartsWith(OfOperators, StringComparison.Ordinal);
        var names = value.Key[(isOperator ? OfOperators : OfUsers).Length..].Split(Separator);
        try
        {
            var stored = JsonSerializer.Deserialize(value.Value.Span, PolicyJson.Default.PolicyValue) ?? throw new JsonException("null");
            return names.Length != 2 ? throw Unreadable(value, "its name is not one of a policy")
                : new PolicyDeclaration(names[0], names[1], isOperator, stored.Pattern, stored.ApplyTo, stored.Priority, stored.Definition).TryRead(out var policy, out var problem) ? policy
                : throw Unreadable(value, problem);
        }
        catch (JsonException e)
        {
            throw Unreadable(value, e.Message);
        }
    }

    private static InvalidDataException Unreadable(MetadataValue value, string problem) => new($"metadata key '{value.Key}' cannot be read: {problem}");

    private Task ClearAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        _records.CommitAsync([.. keys.Where(_records.All.ContainsKey).Select(k => (k, (object?)null, (byte[]?)null))], cancellationToken);

    private void Rebuild(IEnumerable<object> records, IReadOnlyList<object> touched)
    {
        var all = records.Cast<Policy>().ToList();
        Volatile.Write(ref _sets, new Sets(new PolicySet(all.Where(p => !p.IsOperator)), new PolicySet(all.Where(p => p.IsOperator))));
        _changed(touched.Cast<Policy>().Select(p => p.Vhost).ToHashSet(StringComparer.Ordinal));
    }
}
