using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns the disk: records for the log.</summary>
public sealed partial class QueueMachine
{
    private readonly List<ReadOnlyMemory<StoredMessage>> _joined = []; // since the last record
    private readonly List<ProducerMark> _producers = [];
    private readonly List<PositionRange> _handedOut = [];
    private readonly List<PositionRange> _settled = [];
    private readonly Queue<(ulong Index, long Bytes)> _uncertain = new();
    private readonly ProducerTable _transientProducers = new(); // of a queue without a ledger
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
        && (_joinedCount > 0 || _producers.Count > 0 || _handedOut.Count > 0 || _settled.Count > 0 || _holds.Count > 0 || _died.Count > 0 || _pauseChange is not null);

    /// <summary>What has happened since the last call, to be logged under <see cref="QueueLedger.LastIndex"/>. The ledger has it already.</summary>
    /// <returns><c>null</c> if nothing has that is to be logged.</returns>
    public QueueRecord? TakeRecord()
    {
        if (_ledger is null || !HasRecord)
        {
            return null;
        }

        var record = new QueueRecord
        {
            FirstPosition = _lastPosition + 1 - (ulong)_joinedCount,
            Messages = TakeJoined(),
            MessageBytes = _joinedBytes,
            Producers = [.. _producers],
            Delivered = [.. _handedOut],
            Settled = [.. _settled],
            SettledBytes = _settledBytes,
            Priorities = [.. _priorities],
            Held = [.. _holds.Values.OrderBy(h => h.Position)],
            Dead = [.. _died],
            Ids = _ids.Count > 0 ? IdsNow([.. _ids]) : null,
            Keyed = [.. _keyed],
            Paused = _pauseChange,
            LastExpiring = _lastExpiring > _loggedExpiring ? _lastExpiring : 0,
        };
        _ledger.Apply(record, _joinedCount);
        if (_joinedBytes > 0)
        {
            _uncertain.Enqueue((_ledger.LastIndex, _joinedBytes));
            _uncertainBytes += _joinedBytes;
        }

        _producers.Clear();
        _handedOut.Clear();
        _settled.Clear();
        _priorities.Clear();
        _holds.Clear();
        _died.Clear();
        _ids.Clear();
        _newIds.Clear();
        _keyed.Clear();
        _pauseChange = null;
        _loggedExpiring = _lastExpiring;
        _joinedCount = 0;
        _joinedBytes = _settledBytes = 0;
        return record;
    }

    /// <summary>Everything up to the record is certain.</summary>
    public void HandleCertain(ulong index)
    {
        while (_uncertain.TryPeek(out var oldest) && oldest.Index <= index)
        {
            _uncertainBytes -= oldest.Bytes;
            _uncertain.Dequeue();
        }
    }

    private ulong LastSequenceOf(string producer)
    {
        for (var i = _producers.Count - 1; i >= 0; i--)
        {
            if (_producers[i].Producer == producer)
            {
                return _producers[i].LastSequence;
            }
        }

        return (_ledger?.Producers ?? _transientProducers).LastSequenceOf(producer);
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
            _transientProducers.Set(mark);
        }
        else if (mark.LastSequence > LastSequenceOf(mark.Producer))
        {
            _producers.Add(mark);
        }
    }

    private void Record(ReadOnlyMemory<StoredMessage> messages)
    {
        if (_ledger is null || messages.Length == 0)
        {
            return;
        }

        _joined.Add(messages);
        _joinedCount += messages.Length;
        foreach (ref readonly var message in messages.Span)
        {
            _joinedBytes += message.SizeBytes;
        }
    }

    private ReadOnlyMemory<StoredMessage> TakeJoined()
    {
        var joined = _joined.Count switch { 0 => default, 1 => _joined[0], _ => Concatenate() };
        _joined.Clear();
        return joined;
    }

    private StoredMessage[] Concatenate()
    {
        var all = new StoredMessage[_joinedCount];
        var at = 0;
        foreach (var part in _joined)
        {
            part.Span.CopyTo(all.AsSpan(at));
            at += part.Length;
        }

        return all;
    }
}
