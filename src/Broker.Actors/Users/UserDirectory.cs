using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using Broker.Coordination;

namespace Broker.Actors.Users;

/// <summary>What is known of a user beyond the certificate.</summary>
/// <param name="Disabled">May not connect, whatever certificate it shows.</param>
/// <param name="Reason">Why, for the user and for operators.</param>
internal sealed record UserRecord(bool Disabled, string Reason);

/// <summary>
/// The users that something is known of, and whether they may connect. A certificate says who somebody is; this says that a certificate, though valid, is no longer welcome. Kept in the
/// metadata store, if the node has one. Thread-safe.
/// </summary>
internal sealed partial class UserDirectory(IMetadataStore? metadata)
{
    /// <summary>Of the keys in the metadata store.</summary>
    public const string Prefix = "users/";

    private readonly Lock _lock = new(); // for writers
    private readonly ConcurrentDictionary<string, UserRecord> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _revisions = new(StringComparer.Ordinal); // of those that stand in the metadata store; a deleted one keeps that of its deletion

    [JsonSerializable(typeof(UserRecord))]
    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    private sealed partial class UserJson : JsonSerializerContext;

    /// <summary>The users that something is known of, by name.</summary>
    public IEnumerable<KeyValuePair<string, UserRecord>> Users => _users.OrderBy(u => u.Key, StringComparer.Ordinal);

    /// <summary>Why a user may not connect; <c>null</c> if it may.</summary>
    public string? RefusalOf(string user) => _users.TryGetValue(user, out var record) && record.Disabled
        ? $"user '{user}' is disabled{(record.Reason.Length > 0 ? $": {record.Reason}" : "")}"
        : null;

    /// <summary>Reads what is known, before the first connection.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (metadata is null)
        {
            return;
        }

        foreach (var value in (await metadata.ReadAsync(Prefix, cancellationToken)).Values)
        {
            Take(NameOf(value.Key), Read(value), value.ModRevision);
        }
    }

    /// <summary>Everything that is known was read.</summary>
    /// <returns>Users of whom something new is known.</returns>
    public IReadOnlyList<string> Merge(MetadataSnapshot snapshot)
    {
        var present = snapshot.Values.Select(v => NameOf(v.Key)).ToHashSet(StringComparer.Ordinal);
        var absent = _users.Keys.Where(u => !present.Contains(u)).ToList();
        return Take(snapshot.Values, absent, snapshot.Revision);
    }

    /// <summary>Something has changed, by this node or by another.</summary>
    /// <returns>Users of whom something new is known.</returns>
    public IReadOnlyList<string> Apply(MetadataChange change) => Take(change.Puts, change.Deletes.Select(NameOf), change.Revision);

    /// <summary>Says something of a user, for good. In force when the task completes.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public async Task SetAsync(string user, UserRecord record, CancellationToken cancellationToken)
    {
        var revision = 0L;
        if (metadata is not null)
        {
            var value = JsonSerializer.SerializeToUtf8Bytes(record, UserJson.Default.UserRecord);
            var transaction = new MetadataTransaction { Operations = [MetadataOperation.Put(Prefix + Uri.EscapeDataString(user), value)] };
            revision = (await metadata.CommitAsync(transaction, cancellationToken)).Revision;
        }

        Take(user, record, revision);
    }

    private static string NameOf(string key) => Uri.UnescapeDataString(key[Prefix.Length..]);

    private List<string> Take(IReadOnlyList<MetadataValue> puts, IEnumerable<string> deleted, long revision) =>
    [
        .. puts.Where(v => Take(NameOf(v.Key), ReadOrRefuse(v), v.ModRevision)).Select(v => NameOf(v.Key)),
        .. deleted.Where(user => Take(user, record: null, revision)),
    ];

    /// <summary>Takes what is newer than what is known; without a metadata store (revision 0) it always is.</summary>
    private bool Take(string user, UserRecord? record, long revision)
    {
        lock (_lock)
        {
            if (revision > 0 && revision <= _revisions.GetValueOrDefault(user))
            {
                return false;
            }

            _revisions[user] = revision;
            if (record is null)
            {
                return _users.TryRemove(user, out _);
            }

            _users[user] = record;
            return true;
        }
    }

    /// <summary>What a newer version has written about a user may well be that it is not welcome.</summary>
    private static UserRecord ReadOrRefuse(MetadataValue value)
    {
        try
        {
            return Read(value);
        }
        catch (InvalidDataException e)
        {
            return new UserRecord(Disabled: true, e.Message);
        }
    }

    private static UserRecord Read(MetadataValue value)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Value.Span, UserJson.Default.UserRecord) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"metadata key '{value.Key}' cannot be read: {e.Message}");
        }
    }
}
