using Broker.Actors.Queues;
using Broker.Actors.Storage;
using Broker.Storage.Log;

namespace Broker.Actors.Replication;

/// <summary>What a <see cref="ReplicaActor"/> is told by queues and by itself. What the cluster tells it is a <see cref="Cluster.ReplicaCommand"/>.</summary>
internal abstract record ReplicaMessages
{
    private protected ReplicaMessages()
    {
    }

    /// <summary>By the journal of a queue: log this. The record's owner hears when it is committed, or that this node does not lead any more.</summary>
    /// <param name="Record">The record, without a number in the shard.</param>
    /// <param name="Epoch">The epoch in which the queue got its ledger.</param>
    public sealed record Append(QueueLogRecord Record, long Epoch) : ReplicaMessages;

    /// <summary>By the log: this record and all before it are on the disk.</summary>
    public sealed record OnDisk(LogRecord Last) : ReplicaMessages;

    /// <summary>By the log: it has failed.</summary>
    public sealed record LogFailed(string Reason) : ReplicaMessages;

    /// <summary>By itself: records were read for a follower.</summary>
    public sealed record RecordsRead(ReplicaPeer Peer, long Reading, IReadOnlyList<ReadOnlyMemory<byte>> Records) : ReplicaMessages;

    /// <summary>By itself: a part of a snapshot was read for a follower.</summary>
    public sealed record SnapshotRead(ReplicaPeer Peer, SnapshotReader Snapshot, ReadOnlyMemory<byte> Part) : ReplicaMessages;

    /// <summary>By itself: a part of a snapshot was put on the disk.</summary>
    public sealed record SnapshotWritten(SnapshotInstall Install) : ReplicaMessages;

    /// <summary>By itself: a job on the disk has failed.</summary>
    public sealed record JobFailed(Exception Failure, ReplicaPeer? Peer = null, SnapshotInstall? Install = null) : ReplicaMessages;

    /// <summary>By itself: the shard was read from the disk.</summary>
    public sealed record Rebuilt(RecoveredShard Shard, long Rebuild) : ReplicaMessages;

    /// <summary>By the disk jobs of one of the queues that it follows.</summary>
    /// <param name="Queue">The queue.</param>
    /// <param name="Message">What; <c>null</c>: its checkpoint is on the disk.</param>
    public sealed record ForQueue(ReplicaActor.FollowedQueue Queue, QueueMessage? Message) : ReplicaMessages;

    /// <summary>By its timer.</summary>
    public sealed record Tick : ReplicaMessages
    {
        public static readonly Tick Instance = new();
    }
}
