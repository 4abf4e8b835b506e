namespace Broker.Actors.Storage;

/// <summary>What the <see cref="StoreActor"/> is told.</summary>
internal abstract record StoreMessage
{
    private protected StoreMessage()
    {
    }

    /// <summary>By the log, and by a timer: have a look.</summary>
    public sealed record Check : StoreMessage
    {
        public static readonly Check Instance = new();
    }

    /// <summary>By a queue: <see cref="Queues.QueueMessage.Checkpoint"/> is done, or could not be for now.</summary>
    public sealed record CheckpointDone(ulong Queue) : StoreMessage;

    /// <summary>By itself: files at the log's beginning were given up, or could not be.</summary>
    public sealed record Retired(bool Any, Exception? Failure) : StoreMessage;

    /// <summary>By itself: there is a spare log file, or none could be made.</summary>
    public sealed record SparePrepared(Exception? Failure) : StoreMessage;
}

/// <summary>What a queue hears from its log, on the actor's own turn.</summary>
internal abstract record LogSignal
{
    private protected LogSignal()
    {
    }

    /// <summary>More of what it has appended is on the disk.</summary>
    public sealed record Committed : LogSignal
    {
        public static readonly Committed Instance = new();
    }

    /// <summary>The log has failed; nothing more will be on the disk.</summary>
    public sealed record Failed(string Reason) : LogSignal;
}
