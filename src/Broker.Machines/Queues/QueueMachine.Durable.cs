using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns the disk: records for the log, and which messages are in memory.</summary>
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
    private bool _loading;
    private bool _wanted;
    private bool _isMemoryShort;

    /// <summary>Bytes of messages that were taken and are not certain yet.</summary>
    public long UncertainBytes => _uncertainBytes + _joinedBytes;

    /// <summary>What is certain, or about to be; <c>null</c> if the queue is not durable.</summary>
    public QueueLedger? Ledger => _ledger;

    /// <summary>Whether something has happened since the last <see cref="TakeRecord"/> that is to be logged.</summary>
    public bool HasRecord => _ledger is not null && (_joinedCount > 0 || _producers.Count > 0 || _handedOut.Count > 0 || _settled.Count > 0);

    private long LoadedBudget => _isMemoryShort ? _limits.MinLoadedBytes : _limits.MaxLoadedBytes;

    /// <summary>
    /// What is kept in memory of ready messages when there are too many: half of what those that consumers hold leave of the budget, which is half of it or more
    /// (<see cref="HandOut"/>).
    /// </summary>
    private long KeptBytes => Math.Max(LoadedBudget - _heldBytes, LoadedBudget / 2) / 2;

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

    /// <summary>Messages were read, as <see cref="QueueEffect.Load"/> has asked.</summary>
    /// <param name="messages">Those that could be, in order of position. Positions that nobody waits for are passed over.</param>
    /// <param name="first">From where on everything was read.</param>
    /// <param name="last">Up to where. A message of the queue between the two that is not among those read is lost, and leaves the queue.</param>
    /// <returns>The positions that were lost.</returns>
    public IReadOnlyList<PositionRange> HandleLoaded(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, ulong first, ulong last)
    {
        _loading = _wanted = false;
        if (_deleted)
        {
            return [];
        }

        _ready.Load(messages);
        return HandleLost(first, last);
    }

    /// <summary>Nothing on disk holds these positions any more. Messages that are on disk only leave the queue; those in memory stay while they are.</summary>
    /// <returns>The positions that were lost.</returns>
    public IReadOnlyList<PositionRange> HandleLost(ulong first, ulong last)
    {
        var lost = _ready.Lose(first, last);
        _settled.AddRange(lost);
        return lost;
    }

    /// <summary>Messages could not be read now. They will be asked for again.</summary>
    public void HandleNotLoaded() => _loading = false;

    /// <summary>The node is short of memory, or is no longer.</summary>
    public void HandleMemoryShort(bool isShort) => _isMemoryShort = isShort;

    /// <summary>The first ready messages, without taking them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="entries">As many as are there, or as many as stay in memory for certain until the rest is read.</param>
    /// <returns><c>false</c> if some must be read first: ask again after the next <see cref="HandleLoaded"/>.</returns>
    public bool TryPeek(int count, out IReadOnlyList<QueueEntry> entries)
    {
        entries = _ready.Peek(count, out var complete);
        complete = complete || entries.Count > _limits.MaxLoadedMessages / 4 || entries.Sum(e => (long)e.Message.SizeBytes) > KeptBytes / 2;
        _wanted |= !complete;
        return complete;
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

    private void Record(ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer)
    {
        if (producer.Name is not null && messages.Length > 0)
        {
            var mark = new ProducerMark(producer.Name, producer.Sequences.Span[^1]);
            if (_ledger is null)
            {
                _transientProducers.Set(mark);
            }
            else
            {
                _producers.Add(mark);
            }
        }

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

    private void KeepToBudget()
    {
        if (LoadedBytes > LoadedBudget || _ready.LoadedCount > _limits.MaxLoadedMessages)
        {
            _ready.Unload(KeptBytes, _limits.MaxLoadedMessages / 2);
        }
    }

    private void AskForAbsent()
    {
        if (_loading || _ready.FirstAbsent == 0)
        {
            return;
        }

        var ahead = Math.Min(_limits.ReadAheadBytes, LoadedBudget / 4);
        var mayHandOut = _rotation.Count > 0 && _unsettledCount < _limits.MaxUnsettledMessages;
        if (_wanted || (mayHandOut && (_ready.ReadyToGoBytes < ahead || _ready.NextSizeBytes == 0)))
        {
            _loading = true;
            _effects.Enqueue(new QueueEffect.Load(_ready.FirstAbsent, ahead));
        }
    }
}
