using Broker.Storage;
using Broker.Storage.Log;

namespace Broker.Actors.Storage;

/// <summary>Reads a shard's part of a log that is in use, as a recovery would.</summary>
internal static class ShardLogReader
{
    /// <summary>Reads what is on the disk now. Blocks for as long as that takes.</summary>
    /// <param name="log">The log; nothing of the shard is on its way to it.</param>
    /// <param name="store">The store that it is of.</param>
    /// <param name="shard">The shard.</param>
    /// <exception cref="Broker.Storage.Disks.DiskException">The disk failed.</exception>
    public static RecoveredShard Read(WriteAheadLog log, NodeStore store, int shard)
    {
        while (true)
        {
            var replay = new ShardReplay(shard);
            if (log.TryScan(header => ShardReplay.IsOf(header, shard), replay.OnRecord, replay.OnDamage))
            {
                return replay.Complete(store.Segments);
            }
        }
    }
}
