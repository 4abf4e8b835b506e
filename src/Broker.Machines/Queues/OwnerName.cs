using System.Globalization;

namespace Broker.Machines.Queues;

/// <summary>How connections are called as owners of exclusive queues: the node's name, <c>@</c>, the node's life, a slash, the connection's number.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Life">The life of the node: connections are numbered anew in each.</param>
/// <param name="Connection">The connection's number.</param>
public readonly record struct OwnerName(string Node, long Life, long Connection)
{
    /// <summary>Reads one.</summary>
    /// <returns><c>null</c> if it is none.</returns>
    public static OwnerName? TryParse(string owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        var slash = owner.LastIndexOf('/');
        var at = slash < 0 ? -1 : owner.LastIndexOf('@', slash);
        return at >= 0
            && long.TryParse(owner.AsSpan(at + 1, slash - at - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var life)
            && long.TryParse(owner.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var connection)
                ? new OwnerName(owner[..at], life, connection)
                : null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Node}@{Life:x}/{Connection}");
}
