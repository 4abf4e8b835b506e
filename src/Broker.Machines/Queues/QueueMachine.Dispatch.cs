using Broker.Machines.Ledgers;

namespace Broker.Machines.Queues;

public sealed partial class QueueMachine
{
    private const int MaxExpectedDeliveries = 64; // of a consumer in one dispatch: room for so many is made at once
    private ulong _seenPosition; // messages up to it were here when the last dispatch ended

    /// <summary>
    /// Does what is due, hands out ready messages, one consumer after the other, as far as credit goes, and lets parked batches in as far as there is room.
    /// </summary>
    public void Dispatch()
    {
        _wantedFront = 0;
        if (!_deleted)
        {
            EndOverdue();
            ReleaseDue();
            ExpireFronts(spareNew: true);
        }

        do
        {
            HandOutByCredit();
            DropOverflow();
        }
        while (AdmitParked());

        if (!_deleted)
        {
            _seenPosition = _lastPosition;
            _released?.Clear();
            ExpireFronts(spareNew: false); // those that nobody took at once as well
            SendDead();
            TellIfUnused();
        }

        if (_consumers is { WithOutbox: { Count: > 0 } withOutbox })
        {
            foreach (var consumer in withOutbox)
            {
                Add(new QueueEffect.Deliver(consumer.Id, consumer.Outbox!));
                consumer.Outbox = null;
            }

            withOutbox.Clear();
        }

        if (_ledger is not null && !_deleted)
        {
            KeepToBudget();
            AskForAbsent();
        }
    }

    private void HandOutByCredit()
    {
        if (IsPaused || _consumers is not { Rotation: var rotation })
        {
            return;
        }

        if (_groups is not null)
        {
            HandOutByGroup(rotation);
            return;
        }

        while (rotation.First is { } consumer && _unsettledCount < _limits.MaxUnsettledMessages)
        {
            ref readonly var next = ref FrontToHandOut(out var result);
            if (result != TakeResult.Taken)
            {
                return; // none is there, or the next must be read first
            }

            if (next.Message.SizeBytes > consumer.MaxMessageBytes)
            {
                Refuse(consumer, next.Message.SizeBytes);
                continue;
            }

            _ready.TryTake(out var entry);
            Give(consumer, entry, group: null);
        }
    }

    /// <summary>Takes the next message for somebody who asks for one.</summary>
    private TakeResult TryTakeFor(QueueConsumer consumer, out QueueEntry entry, out string? group)
    {
        if (_groups is not null)
        {
            return TryTakeByGroup(consumer, out entry, out group);
        }

        entry = default;
        group = null;
        FrontToHandOut(out var result);
        return result == TakeResult.Taken ? _ready.TryTake(out entry) : result;
    }

    /// <summary>The next message that may be handed out. Those before it that may not, die.</summary>
    private ref readonly QueueEntry FrontToHandOut(out TakeResult result)
    {
        while (true)
        {
            ref readonly var front = ref _ready.Front(out result);
            if (result != TakeResult.Taken || CauseOfDeath(front) is not { } cause)
            {
                return ref front;
            }

            _ready.TryTake(out var entry);
            Die(entry, cause);
        }
    }

    private void Refuse(QueueConsumer consumer, int size)
    {
        HandleCancel(consumer.Id);
        Add(new QueueEffect.ConsumerRefused(consumer.Id, TooLarge(size, consumer.MaxMessageBytes)));
    }

    private void Give(QueueConsumer consumer, in QueueEntry entry, string? group)
    {
        if (consumer.Outbox is null)
        {
            var expected = Math.Min(ReadyCount + 1, Math.Min(consumer.CreditMessages, MaxExpectedDeliveries)); // the message at hand has left the ready ones
            consumer.Outbox = new List<Delivery>((int)expected);
            ConsumersMade.WithOutbox.Add(consumer);
        }

        consumer.CreditMessages--;
        consumer.CreditBytes -= entry.Message.SizeBytes;
        consumer.Outbox.Add(HandOut(consumer, entry, consumer.NoAck, group));
        EndTurn(consumer);
    }

    private bool MayHaveTurn(QueueConsumer consumer) => consumer.HasCredit && (!_settings.SingleActiveConsumer || consumer == _active);

    /// <summary>Its next turn comes after those of the others, if it may have one.</summary>
    private void EndTurn(QueueConsumer consumer)
    {
        if (consumer.Turn.List is null)
        {
            Rotate(consumer);
        }
        else if (MayHaveTurn(consumer))
        {
            ConsumerRotation.Pass(consumer);
        }
        else
        {
            ConsumersMade.Rotation.Remove(consumer);
        }
    }

    private void Rotate(QueueConsumer consumer)
    {
        if (consumer.Turn.List is null && MayHaveTurn(consumer))
        {
            ConsumersMade.Rotation.Add(consumer);
        }
    }

    private Delivery HandOut(QueueConsumer consumer, in QueueEntry entry, bool noAck, string? group)
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
            PositionRange.Append(Unlogged.HandedOut, entry.Position);
            Unlogged.Holds.Remove(entry.Position); // if it was held back since the last record
        }

        _keys?.HandOut(entry.Position);
        if (group is not null)
        {
            _groups!.HandOut(group, entry.Position, consumer);
        }

        // Held for long or by many, what is on disk anyway need not be in memory as well: it is read again if it comes back.
        var isFull = _ledger is not null && (LoadedBytes >= LoadedBudget || _heldBytes >= LoadedBudget / 2);
        var kept = isFull ? entry with { Message = entry.Message.WithoutBytes() } : entry;
        _unsettledCount++;
        _unsettledBytes += entry.Message.SizeBytes;
        if (kept.Message.IsLoaded)
        {
            _heldBytes += entry.Message.SizeBytes;
        }

        var tag = consumer.Unsettled.Add(kept);
        NoteHolding(consumer, tag);
        return new Delivery(tag, entry);
    }
}
