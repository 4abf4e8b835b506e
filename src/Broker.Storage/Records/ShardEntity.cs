namespace Broker.Storage.Records;

/// <summary>A shard whose log is replicated is an entity of the node's log of its own, beside its queues (docs/storage.md, "Replicated shards").</summary>
public static class ShardEntity
{
    private const ulong Bit = 1UL << 63; // no queue's number has it: those are revisions

    /// <summary>The entity of a shard.</summary>
    public static ulong Of(int shard)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shard, ushort.MaxValue);
        return Bit | (uint)shard;
    }

    /// <summary>Whether an entity is a shard.</summary>
    public static bool Is(ulong entity) => (entity & Bit) != 0;

    /// <summary>The shard that an entity is.</summary>
    public static int ShardOf(ulong entity) => Is(entity) ? (ushort)entity : throw new ArgumentOutOfRangeException(nameof(entity), entity, "it is no shard");
}
