using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Broker.Machines.Access;

/// <summary>What is asked of an exchange or queue. The names are RabbitMQ's.</summary>
public enum AccessKind : byte
{
    /// <summary>To declare or delete it.</summary>
    Configure = 0,

    /// <summary>To put messages into it.</summary>
    Write = 1,

    /// <summary>To take messages out of it.</summary>
    Read = 2,
}

/// <summary>What a user without permissions of its own may do.</summary>
public enum DefaultPermissions : byte
{
    /// <summary><c>full</c>: everything in the vhost <c>/</c>, nothing in another.</summary>
    Full = 0,

    /// <summary><c>none</c>: nothing.</summary>
    None = 1,
}

/// <summary>What a user may do in a vhost: for each kind of access a pattern of the exchanges and queues.</summary>
/// <param name="User">The user.</param>
/// <param name="Vhost">The vhost.</param>
/// <param name="Configure">What it may declare and delete.</param>
/// <param name="Write">Where it may put messages.</param>
/// <param name="Read">Where it may take messages from.</param>
public sealed record Permissions(string User, string Vhost, NamePattern Configure, NamePattern Write, NamePattern Read)
{
    /// <summary>The pattern for a kind of access.</summary>
    public NamePattern Of(AccessKind kind) => kind switch
    {
        AccessKind.Configure => Configure,
        AccessKind.Write => Write,
        _ => Read,
    };
}

/// <summary>Which routing keys a user may publish and bind with at one topic exchange. Without one for an exchange, all.</summary>
/// <param name="User">The user.</param>
/// <param name="Vhost">The vhost.</param>
/// <param name="Exchange">The exchange, by its name in the vhost.</param>
/// <param name="Write">Keys to publish with; <c>{username}</c> and <c>{vhost}</c> stand for those names.</param>
/// <param name="Read">Keys to bind with, likewise.</param>
public sealed record TopicPermissions(string User, string Vhost, string Exchange, NamePattern Write, NamePattern Read)
{
    /// <summary>Reads the patterns of one, whose variables are replaced by the names as they are: what a name has is no part of the expression.</summary>
    public static bool TryParse(
        string user, string vhost, string exchange, string write, string read, [NotNullWhen(true)] out TopicPermissions? permissions, [NotNullWhen(false)] out string? problem)
    {
        permissions = NamePattern.TryParse(write, Expand(write, user, vhost), out var writes, out problem) && NamePattern.TryParse(read, Expand(read, user, vhost), out var reads, out problem)
            ? new TopicPermissions(user, vhost, exchange, writes, reads)
            : null;
        return permissions is not null;
    }

    private static string Expand(string pattern, string user, string vhost) => pattern
        .Replace("{username}", Regex.Escape(user), StringComparison.Ordinal)
        .Replace("{vhost}", Regex.Escape(vhost), StringComparison.Ordinal);
}
