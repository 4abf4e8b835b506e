using Broker.Storage.Log;

namespace Broker.Coordination.Embedded;

/// <summary>What waits for the disk: a transaction, a checkpoint, or only an answer that depends on what was decided before it.</summary>
internal sealed class PendingCommit
{
    private readonly TaskCompletionSource<MetadataCommit> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Its record in the log; <c>null</c> if it has none, and waits only for those before it.</summary>
    public LogRecord? Record { get; init; }

    /// <summary>The tree once this is on the disk.</summary>
    public required MetadataTree Tree { get; init; }

    /// <summary>What it changes; <c>null</c> for nothing.</summary>
    public MetadataChange? Change { get; init; }

    /// <summary>Its answer; <c>null</c> if nobody waits for one.</summary>
    public MetadataCommit? Answer { get; init; }

    /// <summary>Completes with the answer.</summary>
    public Task<MetadataCommit> Answered => _answered.Task;

    /// <summary>It is on the disk.</summary>
    public void Complete()
    {
        if (Answer is not null)
        {
            _answered.SetResult(Answer);
        }
    }

    /// <summary>It may never be.</summary>
    public void Fail(string reason)
    {
        if (Answer is not null)
        {
            _answered.SetException(new MetadataUnavailableException(reason));
        }
    }
}
