using Broker.Machines.Messages;
using Broker.Machines.Queues;

namespace Broker.Machines.Logs;

public sealed partial class LogMachine
{
    private string? _blockedBy;

    /// <inheritdoc/>
    public bool IsFull => FullBecause is not null;

    /// <inheritdoc/>
    public long UncertainBytes => _intake.UncertainBytes;

    /// <summary>Why publishers have to wait, to follow the log's name. A log is never full: the oldest messages make room.</summary>
    private string? FullBecause => _ledger is null ? null : _blockedBy ?? (UncertainBytes >= _limits.MaxUncertainBytes ? "waits for the disk" : null);

    /// <inheritdoc/>
    public void HandleEnqueue(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer = default)
    {
        if (_deleted)
        {
            _effects.Enqueue(new QueueEffect.Dropped(publisher, batchId));
        }
        else if (_intake.ParkedCount > 0 || FullBecause is not null)
        {
            _intake.Park(new Intake.ParkedBatch(publisher, batchId, messages, producer));
            _effects.Enqueue(new QueueEffect.Parked(publisher, batchId, FullBecause ?? "waits for the disk"));
        }
        else
        {
            Append(publisher, batchId, messages, producer);
        }
    }

    /// <inheritdoc/>
    public void HandlePublisherGone(PublisherId publisher)
    {
        foreach (var batch in _intake.GiveUp(publisher))
        {
            _effects.Enqueue(new QueueEffect.Dropped(publisher, batch));
        }
    }

    /// <inheritdoc/>
    public void HandleBlocked(string? reason) => _blockedBy = reason;

    private void Append(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer)
    {
        var repeated = _intake.CountRepeated(producer);
        messages = messages[repeated..];
        _intake.MarkTaken(producer, repeated, messages.Length);
        foreach (ref readonly var message in messages.Span)
        {
            _tail.Append(++_last, message);
            Mark(message);
        }

        _enqueued += messages.Length;
        _intake.Join(messages);
        _effects.Enqueue(new QueueEffect.Accepted(publisher, batchId));
        if (messages.Length > 0 && _atEnd.Count > 0)
        {
            ServeAll(_atEnd);
            _atEnd.Clear();
        }
    }

    private void AdmitParked()
    {
        while (!IsFull && _intake.TryUnpark(out var batch))
        {
            Append(batch.Publisher, batch.BatchId, batch.Messages, batch.Producer);
        }
    }
}
