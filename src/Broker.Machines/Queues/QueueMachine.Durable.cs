using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns the disk: records for the log.</summary>
public sealed partial class QueueMachine
{
    private UnloggedChanges? _unlogged;
    private Queue<(ulong Index, long Bytes)>? _uncertain;
    private ProducerTable? _transientProducers; // of a queue without a ledger
    private long _uncertainBytes; // of those, and so without what was not logged yet
    private int _joinedCount;
    private long _joinedBytes;
    private long _settledBytes;

    /// <summary>Bytes of messages that were taken and are not certain yet.</summary>
    public long UncertainBytes => _uncertainBytes + _joinedBytes;

    /// <summary>What is certain, or about to be; <c>null</c> if the queue is not durable.</summary>
    public QueueLedger? Ledger => _ledger;

    /// <summary>Whether something has happened since the last <see cref="TakeRecord"/> that is to be logged.</summary>
    public bool HasRecord => _ledger is not null
        && (_joinedCount > 0 || _unlogged is { IsEmpty: false } || _pauseChange is not null);

    private UnloggedChanges Unlogged => _unlogged ??= new UnloggedChanges();

    /// <summary>What has happened since the last call, to be logged under <see cref="QueueLedger.LastIndex"/>. The ledger has it already.</summary>
    /// <returns><c>null</c> if nothing has that is to be logged.</returns>
    public QueueRecord? TakeRecord()
    {
        if (_ledger is null || !HasRecord)
        {
            return null;
        }

        var changes = Unlogged;
        var record = new QueueRecord
        {
            FirstPosition = _lastPosition + 1 - (ulong)_joinedCount,
            Messages = TakeJoined(changes.Joined),
            MessageBytes = _joinedBytes,
            Producers = [.. changes.Producers],
            Delivered = [.. changes.HandedOut],
            Settled = [.. changes.Settled],
            SettledBytes = _settledBytes,
            Priorities = [.. changes.Priorities],
            Held = [.. changes.Holds.Values.OrderBy(h => h.Position)],
            Dead = [.. changes.Died],
            Ids = changes.Ids.Count > 0 ? IdsNow([.. changes.Ids]) : null,
            Keyed = [.. changes.Keyed],
            Paused = _pauseChange,
            LastExpiring = _lastExpiring > _loggedExpiring ? _lastExpiring : 0,
        };
        _ledger.Apply(record, _joinedCount);
        if (_joinedBytes > 0)
        {
            (_uncertain ??= new Queue<(ulong, long)>()).Enqueue((_ledger.LastIndex, _joinedBytes));
            _uncertainBytes += _joinedBytes;
        }

        changes.Clear();
        _pauseChange = null;
        _loggedExpiring = _lastExpiring;
        _joinedCount = 0;
        _joinedBytes = _settledBytes = 0;
        return record;
    }

    /// <summary>Everything up to the record is certain.</summary>
    public void HandleCertain(ulong index)
    {
        while (_uncertain is not null && _uncertain.TryPeek(out var oldest) && oldest.Index <= index)
        {
            _uncertainBytes -= oldest.Bytes;
            _uncertain.Dequeue();
        }
    }

    private ulong LastSequenceOf(string producer)
    {
        for (var i = (_unlogged?.Producers.Count ?? 0) - 1; i >= 0; i--)
        {
            if (_unlogged!.Producers[i].Producer == producer)
            {
                return _unlogged.Producers[i].LastSequence;
            }
        }

        return (_ledger?.Producers ?? _transientProducers)?.LastSequenceOf(producer) ?? 0;
    }

    /// <summary>So many messages of a batch were taken.</summary>
    private void MarkProducer(in ProducerBatch producer, int count)
    {
        if (producer.Name is null || count == 0)
        {
            return;
        }

        var mark = new ProducerMark(producer.Name, producer.Sequences.Span[count - 1]);
        if (_ledger is null)
        {
            (_transientProducers ??= new ProducerTable()).Set(mark);
        }
        else if (mark.LastSequence > LastSequenceOf(mark.Producer))
        {
            Unlogged.Producers.Add(mark);
        }
    }

    private void Record(ReadOnlyMemory<StoredMessage> messages)
    {
        if (_ledger is null || messages.Length == 0)
        {
            return;
        }

        Unlogged.Joined.Add(messages);
        _joinedCount += messages.Length;
        foreach (ref readonly var message in messages.Span)
        {
            _joinedBytes += message.SizeBytes;
        }
    }

    private ReadOnlyMemory<StoredMessage> TakeJoined(List<ReadOnlyMemory<StoredMessage>> parts)
    {
        var joined = parts.Count switch { 0 => default, 1 => parts[0], _ => Concatenate(parts) };
        parts.Clear();
        return joined;
    }

    private StoredMessage[] Concatenate(List<ReadOnlyMemory<StoredMessage>> parts)
    {
        var all = new StoredMessage[_joinedCount];
        var at = 0;
        foreach (var part in parts)
        {
            part.Span.CopyTo(all.AsSpan(at));
            at += part.Length;
        }

        return all;
    }
}
