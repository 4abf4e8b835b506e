using Broker.Coordination;
using Broker.Machines.Access;

namespace Broker.Actors.Access;

/// <summary>Permissions and limits as they are known on this node. Kept in the metadata store, if the node has one. Thread-safe.</summary>
internal sealed class AccessDirectory
{
    private readonly DefaultPermissions _default;
    private readonly MetadataRecords _records;
    private AccessRules _rules;
    private long _version;

    /// <param name="metadata">Where they stand; <c>null</c>: they last as long as the process.</param>
    /// <param name="byDefault">What a user may do without permissions of its own.</param>
    /// <param name="notice">Hears of what cannot be read.</param>
    public AccessDirectory(IMetadataStore? metadata, DefaultPermissions byDefault, Action<string> notice)
    {
        _default = byDefault;
        _rules = new AccessRules(byDefault, [], []);
        _records = new MetadataRecords(metadata, AccessKeys.Prefix, AccessKeys.Read, (value, problem) =>
        {
            notice(problem.Message);
            return AccessKeys.Closed(value.Key);
        }, Rebuild);
    }

    /// <summary>Grows with every change, before which nothing that is decided by <see cref="Rules"/> may be kept.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>Who may do what.</summary>
    public AccessRules Rules => Volatile.Read(ref _rules);

    /// <summary>All permissions, by user and vhost.</summary>
    public IEnumerable<Permissions> Permissions => Of<Permissions>().OrderBy(p => p.User, StringComparer.Ordinal).ThenBy(p => p.Vhost, StringComparer.Ordinal);

    /// <summary>All permissions for the keys of exchanges, by user, vhost and exchange.</summary>
    public IEnumerable<TopicPermissions> Topics => Of<TopicPermissions>()
        .OrderBy(t => t.User, StringComparer.Ordinal).ThenBy(t => t.Vhost, StringComparer.Ordinal).ThenBy(t => t.Exchange, StringComparer.Ordinal);

    /// <summary>Limits of vhosts that have any, by name.</summary>
    public IEnumerable<VhostLimits> VhostLimits => Of<VhostLimits>().OrderBy(l => l.Vhost, StringComparer.Ordinal);

    /// <summary>Limits of users that have any, by name.</summary>
    public IEnumerable<UserLimits> UserLimits => Of<UserLimits>().OrderBy(l => l.User, StringComparer.Ordinal);

    /// <summary>A user's permissions in a vhost; <c>null</c> if it has none of its own.</summary>
    public Permissions? PermissionsOf(string user, string vhost) => Find<Permissions>(AccessKeys.OfPermissions(user, vhost));

    /// <summary>A user's permissions for the keys of an exchange; <c>null</c> if there are none.</summary>
    public TopicPermissions? TopicOf(string user, string vhost, string exchange) => Find<TopicPermissions>(AccessKeys.OfTopic(user, vhost, exchange));

    /// <summary>A vhost's limits; <c>null</c> if it has none.</summary>
    public VhostLimits? LimitsOfVhost(string vhost) => Find<VhostLimits>(AccessKeys.OfVhostLimits(vhost));

    /// <summary>A user's limits; <c>null</c> if it has none.</summary>
    public UserLimits? LimitsOfUser(string user) => Find<UserLimits>(AccessKeys.OfUserLimits(user));

    /// <summary>Reads what is known, before the first connection.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    /// <exception cref="InvalidDataException">What stands there is not what a broker writes.</exception>
    public Task LoadAsync(CancellationToken cancellationToken) => _records.LoadAsync(cancellationToken);

    /// <summary>Everything was read.</summary>
    public void Merge(MetadataSnapshot snapshot) => _records.Merge(snapshot);

    /// <summary>Something has changed, by this node or by another.</summary>
    public void Apply(MetadataChange change) => _records.Apply(change);

    /// <summary>Says something, for good: permissions or limits. In force when the task completes.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task SetAsync(object record, CancellationToken cancellationToken) => _records.CommitAsync([AccessKeys.Stored(record)], cancellationToken);

    /// <summary>Takes something back, by its key. No effect if it is not there.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task ClearAsync(string key, CancellationToken cancellationToken) => ClearAsync([key], cancellationToken);

    /// <summary>Takes back all that is said of a vhost.</summary>
    /// <exception cref="MetadataUnavailableException">The metadata store does not answer.</exception>
    public Task ForgetVhostAsync(string vhost, CancellationToken cancellationToken) => ClearAsync(
    [
        .. _records.All.Where(r => r.Value switch
        {
            Permissions p => p.Vhost == vhost,
            TopicPermissions t => t.Vhost == vhost,
            VhostLimits l => l.Vhost == vhost,
            _ => false,
        }).Select(r => r.Key),
    ], cancellationToken);

    private Task ClearAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken) =>
        _records.CommitAsync([.. keys.Where(_records.All.ContainsKey).Select(k => (k, (object?)null, (byte[]?)null))], cancellationToken);

    private IEnumerable<T> Of<T>() => _records.All.Values.OfType<T>();

    private T? Find<T>(string key)
        where T : class => _records.All.GetValueOrDefault(key) as T;

    private void Rebuild(IEnumerable<object> records, IReadOnlyList<object> touched)
    {
        var all = records.ToList();
        Volatile.Write(ref _rules, new AccessRules(_default, all.OfType<Permissions>(), all.OfType<TopicPermissions>()));
        Interlocked.Increment(ref _version);
    }
}
