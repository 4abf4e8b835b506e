using Broker.Machines.Ledgers;
using Broker.Machines.Replication;
using Broker.Storage.Records;

namespace Broker.Actors.Storage;

/// <summary>What the node's log holds of one shard.</summary>
internal sealed class RecoveredShard
{
    public required int Shard { get; init; }

    /// <summary>The highest epoch that the replica has acted under; 0 if there was none.</summary>
    public required long Epoch { get; init; }

    /// <summary>The records that are there, from <see cref="Lineage.First"/> on in <see cref="Located"/>.</summary>
    public required Lineage Log { get; init; }

    /// <summary>Number of the last record that is known to be committed.</summary>
    public required ulong Committed { get; init; }

    /// <summary>Whether a snapshot was being installed. Then nothing else is left but the epoch.</summary>
    public required bool IsInstalling { get; init; }

    /// <summary>The queues with all that is committed, by their numbers.</summary>
    public required Dictionary<ulong, QueueLedger> Ledgers { get; init; }

    /// <summary>The records that are not known to be committed, in order.</summary>
    public required IReadOnlyList<HeldRecord> Held { get; init; }

    /// <summary>Where each record is that is still in the log, without gaps.</summary>
    public required IReadOnlyList<LocatedRecord> Located { get; init; }

    /// <summary>Queues of which the node is to have nothing any more.</summary>
    public required IReadOnlySet<ulong> Dropped { get; init; }

    /// <summary>Why this copy of the shard cannot be used, for people; <c>null</c> if it can.</summary>
    public required string? Problem { get; init; }
}

/// <summary>A record of a shard that may still be cut off.</summary>
/// <param name="ShardIndex">Its number in the shard.</param>
/// <param name="Epoch">The epoch that has written it.</param>
/// <param name="Kind">Operations or Deleted.</param>
/// <param name="Entity">The queue; the shard's own entity for one that begins an epoch.</param>
/// <param name="Index">Its number among those of the entity.</param>
/// <param name="Operations">What it says; <c>null</c> if it is none of operations of a queue, or this node has let go of the queue since.</param>
/// <param name="MessageCount">Messages that it brings in.</param>
/// <param name="Position">Where it is in the log.</param>
/// <param name="Length">Its length there.</param>
internal sealed record HeldRecord(ulong ShardIndex, long Epoch, RecordKind Kind, ulong Entity, ulong Index, QueueRecord? Operations, int MessageCount, long Position, int Length);

/// <summary>Where a record of a shard is.</summary>
/// <param name="ShardIndex">Its number in the shard.</param>
/// <param name="Epoch">The epoch that has written it.</param>
/// <param name="Position">Where it is in the log.</param>
/// <param name="Length">Its length there.</param>
internal readonly record struct LocatedRecord(ulong ShardIndex, long Epoch, long Position, int Length);
