using Broker.Protocol;

namespace Broker.Machines.Access;

/// <summary>Who may do what: all permissions as they are at one time. Immutable.</summary>
public sealed class AccessRules
{
    private readonly DefaultPermissions _default;
    private readonly Dictionary<(string User, string Vhost), Permissions> _permissions;
    private readonly Dictionary<(string User, string Vhost), Dictionary<string, TopicPermissions>> _topics;
    private readonly HashSet<string> _known; // users with permissions of their own in any vhost

    /// <param name="byDefault">What a user may do without permissions of its own in any vhost.</param>
    /// <param name="permissions">One for a user and vhost at most.</param>
    /// <param name="topics">One for a user, vhost and exchange at most.</param>
    public AccessRules(DefaultPermissions byDefault, IEnumerable<Permissions> permissions, IEnumerable<TopicPermissions> topics)
    {
        _default = byDefault;
        _permissions = permissions.ToDictionary(p => (p.User, p.Vhost));
        _topics = topics.GroupBy(t => (t.User, t.Vhost)).ToDictionary(g => g.Key, g => g.ToDictionary(t => t.Exchange, StringComparer.Ordinal));
        _known = _permissions.Keys.Select(k => k.User).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>What a user may do in a vhost.</summary>
    public UserAccess Of(string user, string vhost)
    {
        var permissions = _permissions.GetValueOrDefault((user, vhost));
        if (permissions is null && _default == DefaultPermissions.Full && vhost == ProtocolInfo.DefaultVhost && !_known.Contains(user))
        {
            permissions = new Permissions(user, vhost, NamePattern.All, NamePattern.All, NamePattern.All);
        }

        return new UserAccess(user, vhost, permissions, _topics.GetValueOrDefault((user, vhost)));
    }
}
