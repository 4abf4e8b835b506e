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
    private const string Prefix = "users/";
    private readonly ConcurrentDictionary<string, UserRecord> _users = new(StringComparer.Ordinal);

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
            _users[Uri.UnescapeDataString(value.Key[Prefix.Length..])] = Read(value);
        }
    }

    /// <summary>Says something of a user, for good. In force when the task completes.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public async Task SetAsync(string user, UserRecord record, CancellationToken cancellationToken)
    {
        if (metadata is not null)
        {
            var value = JsonSerializer.SerializeToUtf8Bytes(record, UserJson.Default.UserRecord);
            await metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(Prefix + Uri.EscapeDataString(user), value)] }, cancellationToken);
        }

        _users[user] = record;
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
