using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Protocol;

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
    private RecentProducers<SequenceRange>? _refused; // above the last that was taken of a producer: from the first to the last that was refused
    private Queue<ParkedBatch>? _parked;
    private long _uncertainBytes; // of those, and so without what was not logged yet

    /// <summary>To a message that comes again.</summary>
    private static FrameFault RefusedBefore { get; } =
        new(ErrorCode.ResourceExhausted, "it has refused the message before, and taken later ones of its producer since: publish it under a new sequence");

    /// <summary>To a message that comes again when more has been refused since than is remembered.</summary>
    internal static FrameFault Forgotten { get; } =
        new(ErrorCode.ResourceExhausted, "whether it has taken or refused the message when it came before is not known any more: so much was refused since");

    private ProducerTable? Producers => ledger?.Producers ?? _transientProducers;

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

    /// <summary>How many messages at the beginning of a batch have come before, as later ones of the producer were taken.</summary>
    public int CountRepeated(in ProducerBatch producer)
    {
        if (producer.Name is null)
        {
            return 0;
        }

        var last = LastSequenceOf(producer.Name);
        var sequences = producer.Sequences.Span;
        var repeated = 0;
        while (repeated < sequences.Length && sequences[repeated] <= last)
        {
            repeated++;
        }

        return repeated;
    }

    /// <summary>Which of the messages that have come before were not taken then, or may not have been: they are refused again, for it was said that they are.</summary>
    /// <param name="producer">Whose batch it is.</param>
    /// <param name="repeated">How many of its messages have come before.</param>
    /// <returns>What is refused, ascending; <c>null</c> if nothing is.</returns>
    public List<BatchRefusal>? RefuseAgain(in ProducerBatch producer, int repeated)
    {
        List<BatchRefusal>? refused = null;
        var known = repeated > 0 ? RefusedOf(producer.Name!) : null;
        for (var i = 0; known is not null && i < repeated; i++)
        {
            var outcome = OutcomeOf(known, producer.Sequences.Span[i]);
            if (outcome == SequenceOutcome.Taken)
            {
                continue;
            }

            var fault = outcome == SequenceOutcome.Refused ? RefusedBefore : Forgotten;
            refused ??= [];
            if (refused.Count > 0 && refused[^1] is var end && end.First + end.Count == i && end.Fault == fault)
            {
                refused[^1] = end with { Count = end.Count + 1 };
            }
            else
            {
                refused.Add(new BatchRefusal(i, 1, fault));
            }
        }

        return refused;
    }

    /// <summary>Some messages of a batch, lying together, were taken; none of them has come before.</summary>
    public void MarkTaken(in ProducerBatch producer, int first, int count)
    {
        if (producer.Name is null || count == 0)
        {
            return;
        }

        var taken = new SequenceRange(producer.Sequences.Span[first], producer.Sequences.Span[first + count - 1]);
        var mark = new ProducerMark(producer.Name, taken.Last, _refused is null ? null : TakeRefused(producer.Name, taken));
        if (ledger is null)
        {
            (_transientProducers ??= new ProducerTable()).Set(mark);
        }
        else
        {
            (_producers ??= []).Add(mark);
        }
    }

    /// <summary>
    /// The messages of a batch from one on were refused. As long as nothing above them is taken they may be taken yet, so no record says so: the mark of the next message that is taken does.
    /// </summary>
    public void MarkRefused(in ProducerBatch producer, int first)
    {
        if (producer.Name is null)
        {
            return;
        }

        var (from, to) = (producer.Sequences.Span[first], producer.Sequences.Span[^1]);
        ref var known = ref (_refused ??= new RecentProducers<SequenceRange>(ProducerTable.DefaultCapacity)).Touch(producer.Name);
        known = known.Last == 0 ? new SequenceRange(from, to) : new SequenceRange(Math.Min(known.First, from), Math.Max(known.Last, to));
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

    /// <summary>Some sequences are taken, so what was refused below them is not looked at anew any more.</summary>
    private RefusedSequences? TakeRefused(string producer, SequenceRange taken)
    {
        if (!_refused!.TryGet(producer, out var refused))
        {
            return null;
        }

        if (refused.Last > taken.Last)
        {
            _refused.Touch(producer) = new SequenceRange(Math.Max(refused.First, taken.Last + 1), refused.Last);
        }
        else
        {
            _refused.Remove(producer);
        }

        return refused.First < taken.First ? RefusedSequences.Of(new SequenceRange(refused.First, Math.Min(refused.Last, taken.First - 1))) : null;
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

        return Producers?.LastSequenceOf(producer) ?? 0;
    }

    /// <summary>Of the table, and of marks that were not logged yet.</summary>
    private List<RefusedSequences>? RefusedOf(string producer)
    {
        List<RefusedSequences>? known = Producers?.RefusedOf(producer) is { } refused ? [refused] : null;
        foreach (var mark in _producers ?? [])
        {
            if (mark.Refused is { } later && mark.Producer == producer)
            {
                (known ??= []).Add(later);
            }
        }

        return known;
    }

    private static SequenceOutcome OutcomeOf(List<RefusedSequences> known, ulong sequence)
    {
        foreach (var refused in known)
        {
            if (refused.OutcomeOf(sequence) is var outcome and not SequenceOutcome.Taken)
            {
                return outcome;
            }
        }

        return SequenceOutcome.Taken;
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
