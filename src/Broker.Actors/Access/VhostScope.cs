using Broker.Actors.Server;
using Broker.Machines.Access;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Access;

/// <summary>Whose a connection is and to which vhost: what its names mean, and what it may do. Thread-safe.</summary>
internal sealed class VhostScope(NodeServices node, string user, string vhost) : IPublishAccess
{
    private Known? _known;

    /// <summary>What it may do, and the version of all permissions at which that was found.</summary>
    private sealed record Known(long Version, UserAccess Access);

    /// <summary>The user.</summary>
    public string User => user;

    /// <summary>The vhost.</summary>
    public string Vhost => vhost;

    /// <inheritdoc/>
    public long Version => node.Access.Version;

    /// <summary>What it may do now: whatever is taken away is so for its next operation.</summary>
    public UserAccess Access
    {
        get
        {
            var version = node.Access.Version; // before the rules are read, so that what is kept is never thought to be newer than it is
            if (Volatile.Read(ref _known) is { } known && known.Version == version)
            {
                return known.Access;
            }

            var access = node.Access.Rules.Of(user, vhost);
            Volatile.Write(ref _known, new Known(version, access));
            return access;
        }
    }

    /// <summary>A name in the vhost, as the whole broker knows it.</summary>
    public string Entity(string name) => EntityName.Of(vhost, name);

    /// <summary>Of somebody whose connection is to the vhost <c>/</c>.</summary>
    public static VhostScope Default(NodeServices node, string user) => new(node, user, ProtocolInfo.DefaultVhost);
}
