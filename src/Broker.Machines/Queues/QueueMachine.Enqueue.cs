using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

public sealed partial class QueueMachine
{
    private string? _blockedBy;

    /// <summary>Whether publishers have to wait.</summary>
    public bool IsFull => FullBecause is not null;

    /// <summary>Why publishers have to wait, to follow the queue's name; <c>null</c> if they need not.</summary>
    private string? FullBecause
    {
        get
        {
            if (_ledger is not null)
            {
                return _blockedBy ?? (UncertainBytes >= _limits.MaxUncertainBytes ? "waits for the disk" : null);
            }

            return SizeBytes >= _limits.MaxBytes || ReadyCount + _unsettledCount + DelayedCount + DeadCount >= _limits.MaxMessages ? "is full" : null;
        }
    }

    /// <summary>Takes a batch in, or parks it while the queue is full. A batch is never split, so the limit is overshot by at most one.</summary>
    /// <param name="publisher">Whose it is.</param>
    /// <param name="batchId">Its number.</param>
    /// <param name="messages">The messages. Their bytes do not change any more.</param>
    /// <param name="producer">The sequences of a producer that has a name: what the queue has of it already is not taken again.</param>
    public void HandleEnqueue(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer = default)
    {
        if (_deleted)
        {
            Add(new QueueEffect.Dropped(publisher, batchId));
        }
        else if (ParkedCount > 0 || FullBecause is not null)
        {
            _intake.Park(new Intake.ParkedBatch(publisher, batchId, messages, producer));
            Add(new QueueEffect.Parked(publisher, batchId, FullBecause ?? (_ledger is null ? "is full" : "waits for the disk")));
        }
        else
        {
            Append(publisher, batchId, messages, producer);
        }
    }

    /// <summary>The publisher is gone: what it has parked was never accepted and is dropped.</summary>
    public void HandlePublisherGone(PublisherId publisher)
    {
        foreach (var batch in _intake.GiveUp(publisher))
        {
            Add(new QueueEffect.Dropped(publisher, batch));
        }
    }

    /// <summary>The node has no room for what would be written, or has it again (<c>null</c>). Only a durable queue cares.</summary>
    /// <param name="reason">What its publishers wait for, to follow the queue's name, such as "waits for disk space".</param>
    public void HandleBlocked(string? reason) => _blockedBy = reason;

    private void Append(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer)
    {
        var repeated = _intake.CountRepeated(producer);
        var refused = repeated > 0 ? _intake.RefuseAgain(producer, repeated) : null;
        messages = messages[repeated..];
        if (IsSelective)
        {
            AppendSelected(publisher, batchId, messages, producer, repeated, refused);
            return;
        }

        foreach (ref readonly var message in messages.Span)
        {
            Join(message, ++_lastPosition);
        }

        _enqueued += messages.Length;
        _intake.Join(messages);
        _intake.MarkTaken(producer, repeated, messages.Length);
        Answer(publisher, batchId, refused);
    }

    private void Answer(PublisherId publisher, long batchId, List<BatchRefusal>? refused)
    {
        if (refused is null)
        {
            Add(new QueueEffect.Accepted(publisher, batchId));
            return;
        }

        Rare.Refused += refused.Sum(r => r.Count);
        Add(new QueueEffect.NotAccepted(publisher, batchId, refused));
    }

    private bool AdmitParked()
    {
        var admitted = false;
        while (ParkedCount > 0 && !IsFull && _intake.TryUnpark(out var batch))
        {
            Append(batch.Publisher, batch.BatchId, batch.Messages, batch.Producer);
            admitted = true;
        }

        return admitted;
    }
}
