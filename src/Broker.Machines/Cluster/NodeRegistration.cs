namespace Broker.Machines.Cluster;

/// <summary>What a node says of itself to the cluster.</summary>
/// <param name="Name">Its name; 1 to <see cref="MaxTextLength"/> characters.</param>
/// <param name="Incarnation">The number of this life: that of its lease; at least 1.</param>
/// <param name="Store">The number of the store on its disk.</param>
/// <param name="Zone">What it may have in common with others that fail together with it; may be empty.</param>
/// <param name="Addresses">Where other nodes reach it, as <c>host:port</c>, best first; 1 to <see cref="MaxAddresses"/>. IPv6 addresses stand in brackets.</param>
/// <param name="Version">The version of the broker that it runs.</param>
public sealed record NodeRegistration(string Name, long Incarnation, Guid Store, string Zone, IReadOnlyList<string> Addresses, string Version)
{
    /// <summary>Characters of each text.</summary>
    public const int MaxTextLength = 256;

    /// <summary>Number of addresses.</summary>
    public const int MaxAddresses = 16;

    /// <summary>By content.</summary>
    public bool Equals(NodeRegistration? other) =>
        other is not null && Name == other.Name && Incarnation == other.Incarnation && Store == other.Store && Zone == other.Zone && Version == other.Version
        && Addresses.SequenceEqual(other.Addresses);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Incarnation, Store);
}
