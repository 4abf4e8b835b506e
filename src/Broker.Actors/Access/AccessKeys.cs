using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Broker.Coordination;
using Broker.Machines.Access;

namespace Broker.Actors.Access;

/// <summary>How permissions and limits stand in the metadata store: a key for each, with a small JSON object. Names in keys are set apart by U+001F, which no name has.</summary>
internal static partial class AccessKeys
{
    /// <summary>Of all of them.</summary>
    public const string Prefix = "access/";

    private const string PermissionsOf = Prefix + "permissions/";
    private const string TopicsOf = Prefix + "topics/";
    private const string VhostLimitsOf = Prefix + "limits/vhosts/";
    private const string UserLimitsOf = Prefix + "limits/users/";
    private const char Separator = '\u001f';

    private sealed record PermissionsValue(string Configure, string Write, string Read);

    private sealed record TopicValue(string Write, string Read);

    private sealed record VhostLimitsValue(long? MaxConnections = null, long? MaxQueues = null);

    private sealed record UserLimitsValue(long? MaxConnections = null);

    [JsonSerializable(typeof(PermissionsValue))]
    [JsonSerializable(typeof(TopicValue))]
    [JsonSerializable(typeof(VhostLimitsValue))]
    [JsonSerializable(typeof(UserLimitsValue))]
    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true)]
    private sealed partial class AccessJson : JsonSerializerContext;

    /// <summary>The key of a user's permissions in a vhost.</summary>
    public static string OfPermissions(string user, string vhost) => $"{PermissionsOf}{user}{Separator}{vhost}";

    /// <summary>The key of a user's permissions for the keys of an exchange.</summary>
    public static string OfTopic(string user, string vhost, string exchange) => $"{TopicsOf}{user}{Separator}{vhost}{Separator}{exchange}";

    /// <summary>The key of a vhost's limits.</summary>
    public static string OfVhostLimits(string vhost) => VhostLimitsOf + vhost;

    /// <summary>The key of a user's limits.</summary>
    public static string OfUserLimits(string user) => UserLimitsOf + user;

    /// <summary>A record with its key, and as it is stored.</summary>
    public static (string Key, object? Record, byte[]? Value) Stored(object record) => record switch
    {
        Permissions p => (OfPermissions(p.User, p.Vhost), p, Bytes(new PermissionsValue(p.Configure.Text, p.Write.Text, p.Read.Text), AccessJson.Default.PermissionsValue)),
        TopicPermissions t => (OfTopic(t.User, t.Vhost, t.Exchange), t, Bytes(new TopicValue(t.Write.Text, t.Read.Text), AccessJson.Default.TopicValue)),
        VhostLimits l => (OfVhostLimits(l.Vhost), l, Bytes(new VhostLimitsValue(l.MaxConnections, l.MaxQueues), AccessJson.Default.VhostLimitsValue)),
        UserLimits l => (OfUserLimits(l.User), l, Bytes(new UserLimitsValue(l.MaxConnections), AccessJson.Default.UserLimitsValue)),
        _ => throw new ArgumentException($"record {record}", nameof(record)),
    };

    /// <summary>Reads a record.</summary>
    /// <exception cref="InvalidDataException">It is not one that a broker of this version writes.</exception>
    public static object Read(MetadataValue value)
    {
        var key = value.Key;
        if (Names(key, PermissionsOf, 2) is { } permissions)
        {
            var stored = Read(value, AccessJson.Default.PermissionsValue);
            return new Permissions(permissions[0], permissions[1], Pattern(key, stored.Configure), Pattern(key, stored.Write), Pattern(key, stored.Read));
        }

        if (Names(key, TopicsOf, 3) is { } topic)
        {
            var stored = Read(value, AccessJson.Default.TopicValue);
            return TopicPermissions.TryParse(topic[0], topic[1], topic[2], stored.Write, stored.Read, out var read, out var problem) ? read : throw Unreadable(key, problem);
        }

        if (Names(key, VhostLimitsOf, 1) is { } vhost)
        {
            var stored = Read(value, AccessJson.Default.VhostLimitsValue);
            return new VhostLimits(vhost[0], stored.MaxConnections, stored.MaxQueues);
        }

        return Names(key, UserLimitsOf, 1) is { } user
            ? new UserLimits(user[0], Read(value, AccessJson.Default.UserLimitsValue).MaxConnections)
            : throw Unreadable(key, "this version of the broker does not know what it is");
    }

    /// <summary>What stands for a record that cannot be read: permissions that allow nothing, for what a newer version has written may well take something away.</summary>
    public static object? Closed(string key) =>
        Names(key, PermissionsOf, 2) is { } permissions ? new Permissions(permissions[0], permissions[1], NamePattern.Nothing, NamePattern.Nothing, NamePattern.Nothing)
        : Names(key, TopicsOf, 3) is { } topic ? new TopicPermissions(topic[0], topic[1], topic[2], NamePattern.Nothing, NamePattern.Nothing)
        : null;

    private static string[]? Names(string key, string prefix, int count) =>
        key.StartsWith(prefix, StringComparison.Ordinal) && key[prefix.Length..].Split(Separator) is var names && names.Length == count ? names : null;

    private static NamePattern Pattern(string key, string text) => NamePattern.TryParse(text, out var pattern, out var problem) ? pattern : throw Unreadable(key, problem);

    private static byte[] Bytes<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    private static T Read<T>(MetadataValue value, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Value.Span, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw Unreadable(value.Key, e.Message);
        }
    }

    private static InvalidDataException Unreadable(string key, string problem) => new($"metadata key '{key}' cannot be read: {problem}");
}
