using Broker.Machines.Replication;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Storage;

/// <summary>
/// The state of a shard's log on its way into the node's log. It replaces the one before, and makes void what came before it and is behind its last record.
/// </summary>
/// <remarks>
/// <para><see cref="LogRecord.NeededFrom"/> must be at or before the first record of the shard that is in the log and not known to be committed. Queues answer for the others: that of a queue's
/// checkpoint must be at or before the queue's first record that the checkpoint does not contain. A shard's entity is never forgotten: its last state stays in the log.</para>
/// <para>To install a snapshot: a state that is installing, with the lineage that the snapshot stands for; then, when that is on the disk, nothing of the shard counts any more,
/// and the queues' segments may go and come anew; if the snapshot has come to stand for more meanwhile, a state that is installing with that; then a checkpoint of each queue; then the same
/// state, no longer installing. One that is installing and of another lineage, or of another run of the node, begins anew. To give up
/// the copy altogether: a state that is installing, with an empty lineage.</para>
/// <para>When a queue's end is committed: a Deleted record of this node alone (shard index 0); when that is on the disk, its segments may go, and <see cref="WriteAheadLog.Forget"/> it. The
/// replicated record is not enough: a checkpoint may have come behind it, before it was committed, and would be left alone when the log is given up from the front.</para>
/// </remarks>
internal sealed class ShardStateRecord : LogRecord
{
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public ShardStateRecord(LogClient client, int shard, ShardState state)
    {
        Client = client;
        Kind = RecordKind.Checkpoint;
        Entity = ShardEntity.Of(shard);
        Shard = (ushort)shard;
        Index = state.Log.Last;
        ShardIndex = state.Committed;
        Epoch = checked((uint)state.Epoch);
        Operations = ShardStateCodec.Encode(state);
        State = state;
    }

    /// <summary>What it says.</summary>
    public ShardState State { get; }
}

/// <summary>The record that begins an epoch. It changes no queue.</summary>
internal sealed class EpochStartRecord : LogRecord
{
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public EpochStartRecord(LogClient client, int shard, ulong shardIndex, long epoch, ulong committed)
    {
        Client = client;
        Kind = RecordKind.Operations;
        Entity = ShardEntity.Of(shard);
        Shard = (ushort)shard;
        Index = shardIndex;
        SetReplicated(shardIndex, epoch, committed);
    }
}

/// <summary>A record of a shard's log as another node has sent it. Its bytes are kept until they are on the disk.</summary>
internal sealed class ReplicatedRecord : LogRecord
{
    private readonly IReadOnlyList<ReplicatedMessage> _messages;

    /// <summary>The record as it is to be written.</summary>
    /// <param name="client">Hears when it is on the disk.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="kind">Operations, also of the shard's own entity for one that begins an epoch, or Deleted.</param>
    /// <param name="entity">The queue, or the shard's own.</param>
    /// <param name="index">Its number among those of the entity.</param>
    /// <param name="shardIndex">Its number in the shard.</param>
    /// <param name="epoch">The epoch that has made it.</param>
    /// <param name="committed">Number of the last record of the shard that is known to be committed.</param>
    /// <param name="firstPosition">As its owner has given it.</param>
    /// <param name="operations">Likewise.</param>
    /// <param name="messages">The messages with what is kept beside them.</param>
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public ReplicatedRecord(
        LogClient client,
        int shard,
        RecordKind kind,
        ulong entity,
        ulong index,
        ulong shardIndex,
        long epoch,
        ulong committed,
        ulong firstPosition,
        ReadOnlyMemory<byte> operations,
        IReadOnlyList<ReplicatedMessage> messages)
    {
        Client = client;
        Shard = (ushort)shard;
        Kind = kind;
        Entity = entity;
        Index = index;
        FirstPosition = firstPosition;
        Operations = operations;
        _messages = messages;
        SetReplicated(shardIndex, epoch, committed);
    }

    public override int MessageCount => _messages.Count;

    public override ReadOnlyMemory<byte> GetMessage(int index, out ulong meta)
    {
        (var bytes, meta) = _messages[index];
        return bytes;
    }
}
