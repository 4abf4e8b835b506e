using System.Globalization;

namespace Broker.Machines.Cluster;

/// <summary>Where the cluster's values stand in the metadata store.</summary>
public static class ClusterKeys
{
    /// <summary>Keys of shards: <c>shards/7</c>, a <see cref="ShardAssignment"/>. The number is decimal, without zeros before it.</summary>
    public const string Shards = "shards/";

    /// <summary>Keys of nodes: <c>nodes/berlin-1</c>, a <see cref="NodeRegistration"/>. The name is escaped as in a URI.</summary>
    public const string Nodes = "nodes/";

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

    /// <summary>The shard whose assignment a key has; <c>false</c> if it is no such key.</summary>
    public static bool TryGetShard(string key, out int shard)
    {
        ArgumentNullException.ThrowIfNull(key);
        shard = 0;
        return key.StartsWith(Shards, StringComparison.Ordinal)
            && int.TryParse(key.AsSpan(Shards.Length), NumberStyles.None, CultureInfo.InvariantCulture, out shard)
            && OfShard(shard) == key;
    }
}
