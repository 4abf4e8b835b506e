using Broker.Machines.Ledgers;

namespace Broker.Machines.Queues;

public sealed partial class QueueMachine
{
    /// <summary>Hands out ready messages, one consumer after the other, as far as credit goes, and lets parked batches in as far as there is room.</summary>
    public void Dispatch()
    {
        do
        {
            HandOutByCredit();
        }
        while (AdmitParked());

        foreach (var consumer in _withOutbox)
        {
            _effects.Enqueue(new QueueEffect.Deliver(consumer.Id, consumer.Outbox!));
            consumer.Outbox = null;
        }

        _withOutbox.Clear();
        if (_ledger is not null && !_deleted)
        {
            KeepToBudget();
            AskForAbsent();
        }
    }

    private void HandOutByCredit()
    {
        while (_rotation.First is { Value: var consumer } && _unsettledCount < _limits.MaxUnsettledMessages)
        {
            if (CheckNext(consumer.MaxMessageBytes) is { } fault)
            {
                HandleCancel(consumer.Id);
                _effects.Enqueue(new QueueEffect.ConsumerRefused(consumer.Id, fault));
                continue;
            }

            if (_ready.TryTake(out var entry) != TakeResult.Taken)
            {
                return; // none is there, or the next must be read first
            }

            _rotation.RemoveFirst();
            consumer.CreditMessages--;
            consumer.CreditBytes -= entry.Message.SizeBytes;
            if (consumer.Outbox is null)
            {
                consumer.Outbox = [];
                _withOutbox.Add(consumer);
            }

            consumer.Outbox.Add(HandOut(consumer, entry, consumer.NoAck));
            Rotate(consumer);
        }
    }

    private void Rotate(QueueConsumer consumer)
    {
        if (consumer.Turn.List is null && consumer.HasCredit)
        {
            _rotation.AddLast(consumer.Turn);
        }
    }

    private Delivery HandOut(QueueConsumer consumer, in QueueEntry entry, bool noAck)
    {
        _delivered++;
        if (entry.DeliveryCount > 0)
        {
            _redelivered++;
        }

        if (noAck)
        {
            _acknowledged++;
            Leave(entry);
            return new Delivery(consumer.Unsettled.Skip(), entry);
        }

        if (_ledger is not null)
        {
            PositionRange.Append(_handedOut, entry.Position);
        }

        // Held for long or by many, what is on disk anyway need not be in memory as well: it is read again if it comes back.
        var isFull = LoadedBytes >= LoadedBudget || _heldBytes >= LoadedBudget / 2;
        var kept = _ledger is not null && isFull ? entry with { Message = entry.Message.WithoutBytes() } : entry;
        _unsettledCount++;
        _unsettledBytes += entry.Message.SizeBytes;
        if (kept.Message.IsLoaded)
        {
            _heldBytes += entry.Message.SizeBytes;
        }

        return new Delivery(consumer.Unsettled.Add(kept), entry);
    }
}
