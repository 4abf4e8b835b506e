using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>
/// The name of an exchange or queue with its vhost, as one text: what entities, routes and metadata go by. In vhost <c>/</c> it is the name itself; in another, the vhost's name, U+001F, and the
/// name. Nothing has a name with control characters, so no two are the same, and whoever asks for such a name finds nothing, least of all in another vhost.
/// </summary>
public static class EntityName
{
    private const char Separator = '\u001f';

    /// <summary>The name within the whole broker.</summary>
    public static string Of(string vhost, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return vhost == ProtocolInfo.DefaultVhost && !name.Contains(Separator, StringComparison.Ordinal) ? name : $"{vhost}{Separator}{name}";
    }

    /// <summary>The name of another entity of the same vhost.</summary>
    /// <param name="entity">The name of one, with its vhost.</param>
    /// <param name="name">The name of the other within it.</param>
    public static string Beside(string entity, string name) => Of(VhostOf(entity), name);

    /// <summary>The vhost of an entity.</summary>
    public static string VhostOf(string entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var at = entity.IndexOf(Separator, StringComparison.Ordinal);
        return at < 0 ? ProtocolInfo.DefaultVhost : entity[..at];
    }

    /// <summary>The name within its vhost: what a client knows it by.</summary>
    public static string LocalOf(string entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return entity[(entity.IndexOf(Separator, StringComparison.Ordinal) + 1)..];
    }
}
