using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What becomes of messages that come back, are held back, or die.</summary>
public sealed partial class QueueMachine
{
    private const int MaxDeadUnderWay = 1_000;
    private ulong _lastDead;

    /// <summary>
    /// A message that a <see cref="QueueEffect.DeadLetter"/> was about is certain at its new place, or nobody takes it: it leaves the queue. One that is not under way is ignored.
    /// </summary>
    /// <param name="sequence">The <see cref="DeadMessage.Sequence"/>.</param>
    public void HandleDeadLettered(ulong sequence)
    {
        if (!_deleted && _dead is not null && _dead.TryComplete(sequence, out var entry))
        {
            Leave(entry);
        }
    }

    /// <summary>Messages that are held back, the next first. Those that are on disk only have no bytes.</summary>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<(long Due, QueueEntry Entry)> PeekDelayed(int count) => _delayed?.Peek(count) ?? [];

    /// <summary>A message that was handed out takes its old place, now or later, or has come back too often.</summary>
    private void ComeBack(in QueueEntry entry, string group)
    {
        if (entry.DeliveryCount > _settings.DeliveryLimit)
        {
            Die(entry, DeadLetterReason.DeliveryLimit);
        }
        else if (_settings.RetryBackoff == RetryBackoff.None)
        {
            BecomeReady(entry);
        }
        else
        {
            Hold(entry, _now + PauseAfter(entry.DeliveryCount), group);
        }
    }

    private long PauseAfter(int deliveries)
    {
        var (first, longest) = (_settings.RetryDelay, _settings.RetryMaxDelay);
        var doublings = Math.Min(deliveries - 1, 62);
        return _settings.RetryBackoff == RetryBackoff.Exponential
            ? first > longest >> doublings ? longest : first << doublings
            : first > longest / deliveries ? longest : first * deliveries;
    }

    private void Hold(in QueueEntry entry, long due, string group)
    {
        Delayed.Add(entry, due, keepBytes: _ledger is null || LoadedBytes < LoadedBudget / 2);
        _groups?.Pause(group, entry.Position);
        if (_ledger is not null)
        {
            Unlogged.Holds[entry.Position] = new HeldMessage(entry.Position, due, entry.Message.SizeBytes, group);
        }
    }

    /// <summary>Those that are held back no longer.</summary>
    private void ReleaseDue()
    {
        while (_delayed is not null && _delayed.TryTakeDue(_now, out var entry))
        {
            if (entry.DeliveryCount == 0)
            {
                (_released ??= []).Add(entry.Position); // it is as good as one that has come just now
            }

            _groups?.Resume(entry.Position);
            BecomeReady(entry);
        }
    }

    /// <summary>A message that was here before is ready, unless a newer one with its key is.</summary>
    private void BecomeReady(in QueueEntry entry)
    {
        if (IsNewestOfKey(entry.Position))
        {
            _ready.Return(entry);
        }
        else
        {
            Rare.Conflated++;
            Leave(entry);
        }
    }

    /// <summary>Of two ready messages with the same key, the older one leaves.</summary>
    /// <returns><c>false</c> if this is the older one.</returns>
    private bool IsNewestOfKey(ulong position)
    {
        if (_keys?.MakeReady(position) is not { } older)
        {
            return true;
        }

        if (older.Position == position)
        {
            return false;
        }

        var isReady = _ready.TryRemove(older.Position, out _);
        Invariant.That(isReady, "what is ready by its key is ready");
        Rare.Conflated++;
        Leave(older.Position, older.Bytes);
        return true;
    }

    private void Die(in QueueEntry entry, DeadLetterReason reason, string text = "")
    {
        switch (reason)
        {
            case DeadLetterReason.Expired:
                Rare.Expired++;
                break;
            case DeadLetterReason.MaxLength:
                Rare.Overflowed++;
                break;
            case DeadLetterReason.DeliveryLimit:
                Rare.ReturnedTooOften++;
                break;
            default:
                break; // consumers' rejections are counted where they come
        }

        if (_settings.DeadLetters)
        {
            AddDead(entry, reason, text);
        }
        else
        {
            Rare.Dropped++;
            Leave(entry);
        }
    }

    private void AddDead(in QueueEntry entry, DeadLetterReason reason, string text)
    {
        Rare.DeadLettered++;
        _keys?.Remove(entry.Position);
        var mark = new DeadMark(entry.Position, ++_lastDead, entry.Message.SizeBytes, reason, text, _now);
        if (_ledger is null)
        {
            Dead.Add(mark, entry);
        }
        else
        {
            Dead.Add(mark, LoadedBytes < LoadedBudget / 2 ? entry : entry with { Message = entry.Message.WithoutBytes() });
            Unlogged.Died.Add(mark);
        }
    }

    /// <summary>Sends dead ones off, in the order in which they died, as far as that many may be under way.</summary>
    private void SendDead()
    {
        while (MaySendDead && _dead!.TryTake(out var message))
        {
            Add(new QueueEffect.DeadLetter(message));
        }
    }

    private bool MaySendDead => _dead is not null && _dead.UnderWayCount < MaxDeadUnderWay && (_dead.UnderWayCount == 0 || _dead.UnderWayBytes < LoadedBudget / 4);

    /// <summary>Takes over what the ledger knows. Everything is on disk only.</summary>
    private void Restore(QueueLedger ledger)
    {
        _lastPosition = _seenPosition = ledger.NextPosition - 1;
        _lastDead = ledger.LastDead;
        _lastExpiring = _loggedExpiring = ledger.LastExpiring;
        IsPaused = ledger.IsPaused;
        if (ledger.Live.Count == 0)
        {
            return; // and so there is nothing to know of any message
        }

        foreach (var range in ledger.Live.Ranges())
        {
            _ready.AddAbsent(range);
        }

        foreach (var held in ledger.Held.InOrder.Where(h => h.Due > _now))
        {
            Delayed.Add(TakeAbsent(ledger, held.Position, held.Bytes), held.Due, keepBytes: false);
            _groups?.Pause(held.Group, held.Position);
        }

        foreach (var dead in ledger.Dead.InOrder)
        {
            Dead.Add(dead, TakeAbsent(ledger, dead.Position, dead.Bytes));
        }

        if (_keys is not null)
        {
            RestoreKeys(ledger, _keys);
        }
    }

    private void RestoreKeys(QueueLedger ledger, ConflatedKeys keys)
    {
        foreach (var keyed in ledger.Keyed.InOrder)
        {
            keys.Add(keyed);
            if (!ledger.Held.TryGet(keyed.Position, out var held) || held.Due <= _now)
            {
                IsNewestOfKey(keyed.Position); // one that a consumer held is ready again, and may have become the older one
            }
        }
    }

    /// <summary>A message that does not wait with the others.</summary>
    private QueueEntry TakeAbsent(QueueLedger ledger, ulong position, long bytes)
    {
        var isLive = ledger.Live.TryGet(position, out var range) && _ready.TryRemove(position, out _);
        Invariant.That(isLive, "a message with a mark is in the queue");
        return new QueueEntry(position, StoredMessage.Absent(new MessageMeta(MessageTraits.None, (byte)range.Priority), (int)Math.Max(1, bytes)), range.DeliveryCount);
    }
}
