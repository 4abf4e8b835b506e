using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>
/// What a queue or log has taken in and not logged yet, or logged and not yet certain; how far producers are; and batches that wait for room.
/// </summary>
/// <param name="ledger">What is certain; <c>null</c>: nothing is logged.</param>
internal sealed class Intake(QueueLedger? ledger)
{
    // Made with first use: most queues are idle.
    private List<ReadOnlyMemory<StoredMessage>>? _joined; // since the last record
    private List<ProducerMark>? _producers; // likewise
    private Queue<(ulong Index, long Bytes)>? _uncertain;
    private ProducerTable? _transientProducers; // without a ledger
    private Queue<ParkedBatch>? _parked;
    private long _uncertainBytes; // of those, and so without what was not logged yet

    /// <summary>A batch that waits for room.</summary>
    public readonly record struct ParkedBatch(PublisherId Publisher, long BatchId, ReadOnlyMemory<StoredMessage> Messages, ProducerBatch Producer);

    /// <summary>Messages that joined since the last record.</summary>
    public int JoinedCount { get; private set; }

    /// <summary>Bytes of those.</summary>
    public long JoinedBytes { get; private set; }

    /// <summary>Bytes of messages that were taken and are not certain yet.</summary>
    public long UncertainBytes => _uncertainBytes + JoinedBytes;

    /// <summary>Batches that wait.</summary>
    public int ParkedCount => _parked?.Count ?? 0;

    /// <summary>Whether there is anything to log.</summary>
    public bool HasRecord => JoinedCount > 0 || _producers is { Count: > 0 };

    /// <summary>How many messages at the beginning of a batch were taken before.</summary>
    public int TakenBefore(in ProducerBatch producer)
    {
        if (producer.Name is null)
        {
            return 0;
        }

        var last = LastSequenceOf(producer.Name);
        var sequences = producer.Sequences.Span;
        var taken = 0;
        while (taken < sequences.Length && sequences[taken] <= last)
        {
            taken++;
        }

        return taken;
    }

    /// <summary>So many messages of a batch were taken, now or before.</summary>
    public void MarkProducer(in ProducerBatch producer, int count)
    {
        if (producer.Name is null || count == 0)
        {
            return;
        }

        var mark = new ProducerMark(producer.Name, producer.Sequences.Span[count - 1]);
        if (ledger is null)
        {
            (_transientProducers ??= new ProducerTable()).Set(mark);
        }
        else if (mark.LastSequence > LastSequenceOf(mark.Producer))
        {
            (_producers ??= []).Add(mark);
        }
    }

    /// <summary>Messages have joined.</summary>
    public void Join(ReadOnlyMemory<StoredMessage> messages)
    {
        if (ledger is null || messages.Length == 0)
        {
            return;
        }

        (_joined ??= []).Add(messages);
        JoinedCount += messages.Length;
        foreach (ref readonly var message in messages.Span)
        {
            JoinedBytes += message.SizeBytes;
        }
    }

    /// <summary>Moves out what has joined since the last record; <see cref="HandleLogged"/> is to follow.</summary>
    public (ReadOnlyMemory<StoredMessage> Messages, IReadOnlyList<ProducerMark> Producers) Take()
    {
        var joined = _joined switch { null or { Count: 0 } => default, [var only] => only, _ => Concatenate(_joined) };
        _joined?.Clear();
        ProducerMark[] producers = [.. _producers ?? []];
        _producers?.Clear();
        return (joined, producers);
    }

    /// <summary>What was moved out is a record of this number.</summary>
    public void HandleLogged(ulong index)
    {
        if (JoinedBytes > 0)
        {
            (_uncertain ??= new Queue<(ulong, long)>()).Enqueue((index, JoinedBytes));
            _uncertainBytes += JoinedBytes;
        }

        JoinedCount = 0;
        JoinedBytes = 0;
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

    /// <summary>Has a batch wait.</summary>
    public void Park(in ParkedBatch batch) => (_parked ??= new Queue<ParkedBatch>()).Enqueue(batch);

    /// <summary>The batch that has waited for longest.</summary>
    public bool TryUnpark(out ParkedBatch batch)
    {
        batch = default;
        return _parked is not null && _parked.TryDequeue(out batch);
    }

    /// <summary>Gives up what a publisher has parked.</summary>
    /// <returns>The batches' numbers.</returns>
    public IReadOnlyList<long> GiveUp(PublisherId publisher)
    {
        if (_parked is not { Count: > 0 })
        {
            return [];
        }

        var given = new List<long>();
        for (var i = _parked.Count; i > 0; i--)
        {
            var batch = _parked.Dequeue();
            if (batch.Publisher == publisher)
            {
                given.Add(batch.BatchId);
            }
            else
            {
                _parked.Enqueue(batch);
            }
        }

        return given;
    }

    private ulong LastSequenceOf(string producer)
    {
        for (var i = (_producers?.Count ?? 0) - 1; i >= 0; i--)
        {
            if (_producers![i].Producer == producer)
            {
                return _producers[i].LastSequence;
            }
        }

        return (ledger?.Producers ?? _transientProducers)?.LastSequenceOf(producer) ?? 0;
    }

    private StoredMessage[] Concatenate(List<ReadOnlyMemory<StoredMessage>> parts)
    {
        var all = new StoredMessage[JoinedCount];
        var at = 0;
        foreach (var part in parts)
        {
            part.Span.CopyTo(all.AsSpan(at));
            at += part.Length;
        }

        return all;
    }
}
