using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Broker.Coordination;
using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Direct;

/// <summary>
/// Who has which address, and at which node of the cluster its consumer is. That a user has an address is kept in the metadata store for good, until it is released; where its consumer is stands there
/// too, in a cluster, so that every node finds it. Thread-safe.
/// </summary>
/// <param name="metadata">Where it stands; <c>null</c>: it lasts as long as the process.</param>
/// <param name="nodeId">This node.</param>
/// <param name="isShared">Whether other nodes are to know where consumers are.</param>
internal sealed partial class AddressBook(IMetadataStore? metadata, string nodeId, bool isShared)
{
    /// <summary>Of all its keys.</summary>
    public const string Prefix = "addresses/";

    /// <summary>Addresses that one user may have.</summary>
    public const int MaxPerUser = 10_000;

    private const string Claims = Prefix + "claims/";
    private const string Places = Prefix + "places/";
    private readonly Lock _lock = new(); // for writers
    private readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal); // by key; that of a deletion stays
    private readonly ConcurrentDictionary<string, string> _users = new(StringComparer.Ordinal); // by the inbox's name with its vhost
    private readonly ConcurrentDictionary<string, string> _nodes = new(StringComparer.Ordinal);
    private long _version;

    private sealed record ClaimValue(string User);

    private sealed record PlaceValue(string Node);

    [JsonSerializable(typeof(ClaimValue))]
    [JsonSerializable(typeof(PlaceValue))]
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    private sealed partial class AddressJson : JsonSerializerContext;

    /// <summary>Grows when a consumer comes to a node or leaves it.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>All addresses that somebody has: the inbox's name with its vhost, the user, and the node of its consumer, or <c>null</c>.</summary>
    public IEnumerable<(string Name, string User, string? Node)> List() =>
        _users.OrderBy(u => u.Key, StringComparer.Ordinal).Select(u => (u.Key, u.Value, NodeOf(u.Key)));

    /// <summary>The node at which the consumer of an address is; <c>null</c> if it is not known to be at any.</summary>
    public string? NodeOf(string name) => _nodes.GetValueOrDefault(name);

    /// <summary>Reads what is known, before the first connection. What an earlier life of this node says of consumers is no longer so.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (metadata is null)
        {
            return;
        }

        Merge(await metadata.ReadAsync(Prefix, cancellationToken));
        foreach (var (name, node) in _nodes)
        {
            if (node == nodeId)
            {
                await LeaveAsync(name);
            }
        }
    }

    /// <summary>Everything was read.</summary>
    /// <returns>Inboxes whose consumer is at another node now.</returns>
    public IReadOnlyList<string> Merge(MetadataSnapshot snapshot)
    {
        var present = snapshot.Values.Select(v => v.Key).ToHashSet(StringComparer.Ordinal);
        List<string> absent;
        lock (_lock)
        {
            absent = [.. _revisions.Keys.Where(k => !present.Contains(k))];
        }

        return Take(snapshot.Values, absent, snapshot.Revision);
    }

    /// <summary>Something has changed, by this node or another.</summary>
    /// <returns>Inboxes whose consumer is at another node now.</returns>
    public IReadOnlyList<string> Apply(MetadataChange change) => Take(change.Puts, change.Deletes, change.Revision);

    /// <summary>A user's stream is to consume from an address: it is the user's from now on, if it is nobody's yet.</summary>
    /// <param name="name">The inbox's name, with its vhost.</param>
    /// <param name="user">Who wants it.</param>
    /// <returns><c>null</c>, or why not.</returns>
    public async Task<FrameFault?> ClaimAsync(string name, string user)
    {
        if (Encoding.UTF8.GetByteCount(KeyOf(Claims, name)) > MetadataLimits.MaxKeyBytes)
        {
            return new FrameFault(ErrorCode.InvalidArgument, "the address is too long, or has too many characters that are not plain letters and digits");
        }

        for (var tries = 0; tries < 10; tries++)
        {
            if (_users.TryGetValue(name, out var owner) && owner != user)
            {
                return new FrameFault(ErrorCode.AccessRefused, $"'{EntityName.LocalOf(name)}' belongs to another user");
            }

            if (owner is null && _users.Count(u => u.Value == user) >= MaxPerUser)
            {
                return new FrameFault(ErrorCode.LimitExceeded, $"'{user}' has {MaxPerUser} addresses; release some");
            }

            if (metadata is null)
            {
                if (_users.GetOrAdd(name, user) == user)
                {
                    return null;
                }

                continue;
            }

            try
            {
                if (await TryClaimAsync(metadata, name, user, owner is null))
                {
                    return null;
                }
            }
            catch (MetadataUnavailableException e)
            {
                return new FrameFault(ErrorCode.Unavailable, $"'{EntityName.LocalOf(name)}' cannot be claimed now: {e.Message}");
            }
        }

        return new FrameFault(ErrorCode.Unavailable, $"'{EntityName.LocalOf(name)}' changes hands all the time; try again");
    }

    /// <summary>The consumer of an address has left this node. If that cannot be stored, messages come here for nobody.</summary>
    public async Task LeaveAsync(string name)
    {
        if (metadata is null || !isShared)
        {
            return;
        }

        var key = KeyOf(Places, name);
        long known;
        lock (_lock)
        {
            known = _revisions.GetValueOrDefault(key);
        }

        if (NodeOf(name) != nodeId)
        {
            return;
        }

        try
        {
            var commit = await metadata.CommitAsync(new MetadataTransaction { Conditions = [new MetadataCondition(key, known)], Operations = [MetadataOperation.Delete(key)] });
            if (commit.Succeeded)
            {
                Take([], [key], commit.Revision);
            }
        }
        catch (MetadataUnavailableException)
        {
            // What comes for it is refused as long as nobody is there.
        }
    }

    /// <summary>The address is nobody's any more.</summary>
    /// <param name="name">The inbox's name, with its vhost.</param>
    /// <param name="user">Only if it is this user's; <c>null</c>: an operator wants it.</param>
    /// <returns><c>null</c>, or why not. It is no fault if it is nobody's.</returns>
    public async Task<FrameFault?> ReleaseAsync(string name, string? user)
    {
        if (!_users.TryGetValue(name, out var owner))
        {
            return null;
        }

        if (user is not null && owner != user)
        {
            return new FrameFault(ErrorCode.AccessRefused, $"'{EntityName.LocalOf(name)}' belongs to another user");
        }

        var key = KeyOf(Claims, name);
        if (metadata is null)
        {
            Forget(key, name);
            return null;
        }

        try
        {
            var commit = await metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Delete(key)] });
            Take([], [key], commit.Revision);
            return null;
        }
        catch (MetadataUnavailableException e)
        {
            return new FrameFault(ErrorCode.Unavailable, $"'{EntityName.LocalOf(name)}' cannot be released now: {e.Message}");
        }
    }

    private async Task<bool> TryClaimAsync(IMetadataStore store, string name, string user, bool isNew)
    {
        var (claim, place) = (KeyOf(Claims, name), KeyOf(Places, name));
        long known;
        lock (_lock)
        {
            known = isNew ? 0 : _revisions.GetValueOrDefault(claim);
        }

        var operations = new List<MetadataOperation>();
        if (isNew)
        {
            operations.Add(MetadataOperation.Put(claim, JsonSerializer.SerializeToUtf8Bytes(new ClaimValue(user), AddressJson.Default.ClaimValue)));
        }

        if (isShared)
        {
            operations.Add(MetadataOperation.Put(place, JsonSerializer.SerializeToUtf8Bytes(new PlaceValue(nodeId), AddressJson.Default.PlaceValue)));
        }

        if (operations.Count == 0)
        {
            return true;
        }

        var commit = await store.CommitAsync(new MetadataTransaction { Conditions = [new MetadataCondition(claim, known)], Operations = operations });
        if (commit.Succeeded)
        {
            Take([.. operations.Select(o => new MetadataValue(o.Key, o.Value!.Value, commit.Revision, commit.Revision, 0))], [], commit.Revision);
        }
        else
        {
            Merge(await store.ReadAsync(Prefix)); // somebody was faster
        }

        return commit.Succeeded;
    }

    private List<string> Take(IReadOnlyList<MetadataValue> puts, IReadOnlyList<string> deletes, long revision)
    {
        var elsewhere = new List<string>();
        lock (_lock)
        {
            foreach (var key in deletes.Where(k => _revisions.GetValueOrDefault(k) < revision))
            {
                _revisions[key] = revision;
                Forget(key, NameOf(key));
            }

            foreach (var value in puts.Where(v => _revisions.GetValueOrDefault(v.Key) < v.ModRevision))
            {
                _revisions[value.Key] = value.ModRevision;
                var name = NameOf(value.Key);
                if (value.Key.StartsWith(Claims, StringComparison.Ordinal) && Read(value, AddressJson.Default.ClaimValue) is { } claim)
                {
                    _users[name] = claim.User;
                }
                else if (value.Key.StartsWith(Places, StringComparison.Ordinal) && Read(value, AddressJson.Default.PlaceValue) is { } place)
                {
                    _nodes[name] = place.Node;
                    if (place.Node != nodeId)
                    {
                        elsewhere.Add(name);
                    }
                }
            }
        }

        Interlocked.Increment(ref _version);
        return elsewhere;
    }

    private void Forget(string key, string name) => (key.StartsWith(Claims, StringComparison.Ordinal) ? _users : _nodes).TryRemove(name, out _);

    private static string KeyOf(string prefix, string name)
    {
        var address = EntityName.LocalOf(name)[DirectNames.AddressPrefix.Length..];
        return $"{prefix}{Uri.EscapeDataString(EntityName.VhostOf(name))}/{Uri.EscapeDataString(address)}";
    }

    private static string NameOf(string key)
    {
        var parts = key.Split('/');
        return EntityName.Of(Uri.UnescapeDataString(parts[^2]), DirectNames.AddressPrefix + Uri.UnescapeDataString(parts[^1]));
    }

    /// <summary>A value that a newer version has written says nothing here; nobody else gets the address, as its key is there.</summary>
    private static T? Read<T>(MetadataValue value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(value.Value.Span, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
