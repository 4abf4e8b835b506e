using Broker.Machines.Ledgers;

namespace Broker.Actors.Storage;

/// <summary>A queue's ledger, and where its checkpoints go. Belongs to the actor that has the queue.</summary>
internal abstract class CheckpointLog
{
    public abstract QueueLedger Ledger { get; }

    /// <summary>Every record of the queue that is not certain yet is, or will be, at or after this position of the log.</summary>
    public abstract long CertainPosition { get; }

    /// <summary>Whether a checkpoint may have records that are not certain: what is in the log before it stays there.</summary>
    public virtual bool MayHaveUncertain => false;

    /// <summary>Whether a checkpoint of the ledger as it is now may be written: it has nothing that may be undone.</summary>
    public abstract bool CanCheckpoint { get; }

    /// <summary>Whether the last checkpoint is on the disk.</summary>
    public abstract bool IsCheckpointCertain { get; }

    /// <summary>Does something to the queue's files, unless they have passed to somebody else: then nothing is done, and what would follow from it never comes.</summary>
    public virtual void IfOwned(Action act) => act();

    /// <summary>Appends the ledger as it is now.</summary>
    /// <param name="neededFrom">The lowest log position whose records are still needed beside it.</param>
    public abstract void AppendCheckpoint(long neededFrom);
}
