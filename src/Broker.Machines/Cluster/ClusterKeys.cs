using System.Globalization;

namespace Broker.Machines.Cluster;

/// <summary>Where the cluster's values stand in the metadata store.</summary>
public static class ClusterKeys
{
    /// <summary>Keys of shards: <c>shards/7</c>, a <see cref="ShardAssignment"/>. The number is decimal, without zeros before it.</summary>
    public const string Shards = "shards/";

    /// <summary>Keys of nodes: <c>nodes/berlin-1</c>, a <see cref="NodeRegistration"/>. The name is escaped as in a URI.</summary>
    public const string Nodes = "nodes/";

    /// <summary>Keys of what is asked of nodes: <c>node-states/berlin-1</c>, a <see cref="NodeStanding"/>. It outlives the lease that the node's registration goes with.</summary>
    public const string Standings = "node-states/";

    /// <summary>Keys of orders to let a shard be led by a replica that may lack what is committed: <c>orders/unclean/7</c>, a <see cref="ReplicaId"/>.</summary>
    public const string UncleanElections = "orders/unclean/";

    /// <summary>What all nodes have in common, a <see cref="ClusterInfo"/>.</summary>
    public const string Cluster = "cluster";

    /// <summary>Who decides, a <see cref="NodeLife"/>; goes with that life's lease.</summary>
    public const string Coordinator = "coordinator";

    /// <summary>The highest epoch that was used before the metadata store was restored from a backup.</summary>
    public const string EpochFloor = "epoch-floor";

    /// <summary>The key of a shard's assignment.</summary>
    public static string OfShard(int shard)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        return Shards + shard.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The key of a node's registration.</summary>
    public static string OfNode(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Nodes + Uri.EscapeDataString(name);
    }

    /// <summary>The key of what is asked of a node.</summary>
    public static string OfStanding(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Standings + Uri.EscapeDataString(name);
    }

    /// <summary>The key of an order for a shard.</summary>
    public static string OfUncleanElection(int shard)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        return UncleanElections + shard.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The node of a key of <see cref="Nodes"/> or <see cref="Standings"/>, which is <paramref name="prefix"/>; <c>false</c> if it is no such key.</summary>
    public static bool TryGetNode(string key, string prefix, out string name)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(prefix);
        name = key.StartsWith(prefix, StringComparison.Ordinal) ? Uri.UnescapeDataString(key[prefix.Length..]) : "";
        return name.Length > 0;
    }

    /// <summary>The shard whose assignment a key has; <c>false</c> if it is no such key.</summary>
    public static bool TryGetShard(string key, out int shard) => TryGetShard(key, Shards, out shard);

    /// <summary>The shard of a key of <see cref="Shards"/> or <see cref="UncleanElections"/>, which is <paramref name="prefix"/>; <c>false</c> if it is no such key.</summary>
    public static bool TryGetShard(string key, string prefix, out int shard)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(prefix);
        shard = 0;
        return key.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(key.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out shard)
            && prefix + shard.ToString(CultureInfo.InvariantCulture) == key;
    }
}
