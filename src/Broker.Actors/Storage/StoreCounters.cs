namespace Broker.Actors.Storage;

/// <summary>What the store has done since the start. Thread-safe.</summary>
internal sealed class StoreCounters
{
    private long _checkpoints;
    private long _copies;
    private long _copiedMessages;
    private long _compactions;
    private long _deletedSegments;
    private long _loads;
    private long _loadedMessages;
    private long _lostMessages;
    private long _snapshotRounds;

    /// <summary>Checkpoints of queues that are on the disk.</summary>
    public long Checkpoints => Volatile.Read(ref _checkpoints);

    /// <summary>Times that messages were copied out of log files into segments.</summary>
    public long Copies => Volatile.Read(ref _copies);

    /// <summary>Messages that were copied into segments, from wherever.</summary>
    public long CopiedMessages => Volatile.Read(ref _copiedMessages);

    /// <summary>Times that sparse segments were copied together.</summary>
    public long Compactions => Volatile.Read(ref _compactions);

    /// <summary>Segments that were deleted because nothing in them was needed.</summary>
    public long DeletedSegments => Volatile.Read(ref _deletedSegments);

    /// <summary>Times that messages were read back into memory.</summary>
    public long Loads => Volatile.Read(ref _loads);

    /// <summary>Messages that were.</summary>
    public long LoadedMessages => Volatile.Read(ref _loadedMessages);

    /// <summary>Messages that could not be read and were taken out of their queues.</summary>
    public long LostMessages => Volatile.Read(ref _lostMessages);

    /// <summary>Times that a snapshot for another node went on with what had come since it was begun, as the log had let go of that.</summary>
    public long SnapshotRounds => Volatile.Read(ref _snapshotRounds);

    public void CountCheckpoint() => Interlocked.Increment(ref _checkpoints);

    public void CountCopy(long messages, bool compaction)
    {
        Interlocked.Increment(ref compaction ? ref _compactions : ref _copies);
        Interlocked.Add(ref _copiedMessages, messages);
    }

    public void CountDeletedSegments(int count) => Interlocked.Add(ref _deletedSegments, count);

    public void CountLoad(long messages)
    {
        Interlocked.Increment(ref _loads);
        Interlocked.Add(ref _loadedMessages, messages);
    }

    public void CountSnapshotRound() => Interlocked.Increment(ref _snapshotRounds);

    public void CountLost(long messages) => Interlocked.Add(ref _lostMessages, messages);
}
