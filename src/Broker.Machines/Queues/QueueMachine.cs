using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>
/// Every decision of a queue: order, credit, dispatch, settlement, capacity. Pure: it is fed with <c>Handle*</c> calls and answers with effects.
/// </summary>
/// <remarks>
/// <para>Call <see cref="Dispatch"/> after one or more <c>Handle*</c> calls, then drain <see cref="TryTakeEffect"/>.</para>
/// <para>Invariants: a message is ready, held by exactly one consumer, or gone; messages of one publisher are handed out first in the order in which they came;
/// a message that comes back takes its old place and counts its deliveries.</para>
/// </remarks>
public sealed class QueueMachine(QueueLimits limits)
{
    private readonly ReadyMessages _ready = new();
    private readonly Dictionary<ConsumerId, QueueConsumer> _consumers = [];
    private readonly LinkedList<QueueConsumer> _rotation = new();
    private readonly List<QueueConsumer> _withOutbox = [];
    private readonly Queue<ParkedBatch> _parked = new();
    private readonly Queue<QueueEffect> _effects = new();
    private long _enqueued;
    private long _delivered;
    private long _redelivered;
    private long _acknowledged;
    private long _requeued;
    private long _rejected;
    private ulong _lastPosition;
    private int _unsettledCount;
    private long _unsettledBytes;
    private bool _deleted;

    private readonly record struct ParkedBatch(PublisherId Publisher, long BatchId, ReadOnlyMemory<StoredMessage> Messages);

    /// <summary>Messages that wait for a consumer.</summary>
    public int ReadyCount => _ready.Count;

    /// <summary>Messages that consumers hold.</summary>
    public int UnsettledCount => _unsettledCount;

    /// <summary>Bytes of both.</summary>
    public long SizeBytes => _ready.SizeBytes + _unsettledBytes;

    /// <summary>Consumers that are subscribed.</summary>
    public int ConsumerCount { get; private set; }

    /// <summary>Batches that wait for room.</summary>
    public int ParkedCount => _parked.Count;

    /// <summary>Totals since the queue was declared.</summary>
    public QueueCounters Counters => new()
    {
        Enqueued = _enqueued,
        Delivered = _delivered,
        Redelivered = _redelivered,
        Acknowledged = _acknowledged,
        Requeued = _requeued,
        Rejected = _rejected,
    };

    /// <summary>Whether publishers have to wait.</summary>
    public bool IsFull => SizeBytes >= limits.MaxBytes || _ready.Count + _unsettledCount >= limits.MaxMessages;

    /// <summary>Takes a batch in, or parks it while the queue is full. A batch is never split, so the limit is overshot by at most one.</summary>
    public void HandleEnqueue(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages)
    {
        if (_deleted)
        {
            _effects.Enqueue(new QueueEffect.Dropped(publisher, batchId));
        }
        else if (IsFull || _parked.Count > 0)
        {
            _parked.Enqueue(new ParkedBatch(publisher, batchId, messages));
            _effects.Enqueue(new QueueEffect.Parked(publisher, batchId));
        }
        else
        {
            Append(publisher, batchId, messages);
        }
    }

    /// <summary>The publisher is gone: what it has parked was never accepted and is dropped.</summary>
    public void HandlePublisherGone(PublisherId publisher)
    {
        for (var i = _parked.Count; i > 0; i--)
        {
            var batch = _parked.Dequeue();
            if (batch.Publisher == publisher)
            {
                _effects.Enqueue(new QueueEffect.Dropped(publisher, batch.BatchId));
            }
            else
            {
                _parked.Enqueue(batch);
            }
        }
    }

    /// <summary>Adds a consumer, without credit. One that has subscribed or taken messages here before is refused until it is gone.</summary>
    /// <param name="id">The consumer.</param>
    /// <param name="exclusive">No other may consume.</param>
    /// <param name="noAck">Deliveries are settled as they leave.</param>
    /// <param name="maxMessageBytes">The largest message that it takes. When a larger one is its turn, its subscription ends, and the message stays for others.</param>
    /// <returns><c>null</c>, or why it is refused.</returns>
    public FrameFault? HandleSubscribe(ConsumerId id, bool exclusive, bool noAck, int maxMessageBytes = int.MaxValue)
    {
        if (_deleted)
        {
            return new FrameFault(ErrorCode.NotFound, "the queue was deleted");
        }

        if (_consumers.ContainsKey(id))
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "a stream subscribes once");
        }

        if (exclusive && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.ResourceLocked, $"the queue has {ConsumerCount} consumer(s); an exclusive one must be the only one");
        }

        if (_consumers.Values.Any(c => c.Exclusive && c.Subscribed))
        {
            return new FrameFault(ErrorCode.ResourceLocked, "the queue has an exclusive consumer");
        }

        _consumers.Add(id, new QueueConsumer(id, noAck, exclusive, subscribed: true, maxMessageBytes));
        ConsumerCount++;
        return null;
    }

    /// <summary>Lets a consumer have more.</summary>
    public void HandleGrant(ConsumerId id, long messages, long bytes)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            consumer.CreditMessages += messages;
            consumer.CreditBytes += bytes;
            Rotate(consumer);
        }
    }

    /// <summary>Settles deliveries. All or nothing: with one unknown or repeated tag, nothing is settled.</summary>
    /// <returns><c>null</c>, or what is wrong with the ranges.</returns>
    public FrameFault? HandleSettle(ConsumerId id, IReadOnlyList<SequenceRange> ranges, SettleOutcome outcome)
    {
        if (_deleted)
        {
            return null; // what the consumer held went with the queue
        }

        if (!_consumers.TryGetValue(id, out var consumer))
        {
            return new FrameFault(ErrorCode.UnknownDeliveryTag, "nothing was delivered here");
        }

        for (var i = 0; i < ranges.Count; i++)
        {
            if ((i > 0 && ranges[i].First <= ranges[i - 1].Last) || !consumer.Unsettled.Holds(ranges[i]))
            {
                return new FrameFault(
                    ErrorCode.UnknownDeliveryTag,
                    $"delivery tags {ranges[i].First} to {ranges[i].Last} are not all unsettled; each tag is settled once, by the stream that got it");
            }
        }

        for (var i = 0; i < ranges.Count; i++)
        {
            for (var tag = ranges[i].First; tag <= ranges[i].Last; tag++)
            {
                Settle(consumer.Unsettled.Remove(tag), outcome);
            }
        }

        return null;
    }

    /// <summary>Ends a subscription; what the consumer holds stays its own until settled or until it is gone.</summary>
    public void HandleCancel(ConsumerId id)
    {
        if (_consumers.TryGetValue(id, out var consumer) && consumer.Subscribed)
        {
            consumer.Subscribed = false;
            ConsumerCount--;
            if (consumer.Turn.List is not null)
            {
                _rotation.Remove(consumer.Turn); // now: an idle queue may see many come and go before it deals out the next message
            }
        }
    }

    /// <summary>The consumer's stream has ended: what it holds goes back to its old places, counted as delivered.</summary>
    public void HandleConsumerGone(ConsumerId id)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            HandleCancel(id);
            _consumers.Remove(id);
            foreach (var delivery in consumer.Unsettled.All())
            {
                Settle(delivery.Entry, SettleOutcome.Requeue);
            }
        }
    }

    /// <summary>Whether the next message is small enough for a client.</summary>
    /// <returns><c>null</c> if it is, or if there is none; otherwise what to tell the client.</returns>
    public FrameFault? CheckNext(int maxMessageBytes) => _ready.NextSizeBytes <= maxMessageBytes
        ? null
        : new FrameFault(ErrorCode.MessageTooLarge, $"the next message has {_ready.NextSizeBytes} bytes; this client takes {maxMessageBytes}, as it said in HELLO");

    /// <summary>Takes one message without a subscription.</summary>
    /// <returns><c>false</c> if none is ready.</returns>
    public bool HandleGet(ConsumerId id, bool noAck, out Delivery delivery)
    {
        if (_deleted || !_ready.TryTake(out var entry))
        {
            delivery = default;
            return false;
        }

        if (!_consumers.TryGetValue(id, out var consumer))
        {
            consumer = new QueueConsumer(id, noAck: false, exclusive: false, subscribed: false, int.MaxValue);
            _consumers.Add(id, consumer);
        }

        delivery = HandOut(consumer, entry, noAck);
        return true;
    }

    /// <summary>Drops all ready messages; those that consumers hold stay.</summary>
    /// <returns>How many were dropped.</returns>
    public int HandlePurge() => _ready.Clear();

    /// <summary>Ends the queue unless a condition forbids it. Afterwards nothing is taken in or handed out.</summary>
    /// <returns><c>null</c>, or which condition failed.</returns>
    public FrameFault? HandleDelete(bool ifUnused, bool ifEmpty)
    {
        if (ifUnused && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {ConsumerCount} consumer(s)");
        }

        if (ifEmpty && _ready.Count + _unsettledCount > 0)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, $"the queue has {_ready.Count} ready and {_unsettledCount} unsettled message(s)");
        }

        _deleted = true;
        _ready.Clear();
        _unsettledCount = 0;
        _unsettledBytes = 0;
        foreach (var consumer in _consumers.Values.OrderBy(c => c.Id.Value))
        {
            _effects.Enqueue(new QueueEffect.ConsumerClosed(consumer.Id));
        }

        _consumers.Clear();
        _rotation.Clear();
        ConsumerCount = 0;
        while (_parked.TryDequeue(out var batch))
        {
            _effects.Enqueue(new QueueEffect.Dropped(batch.Publisher, batch.BatchId));
        }

        return null;
    }

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
    }

    /// <summary>The next thing to carry out, in order.</summary>
    public bool TryTakeEffect([MaybeNullWhen(false)] out QueueEffect effect) => _effects.TryDequeue(out effect);

    /// <summary>The first ready messages, without taking them.</summary>
    public IReadOnlyList<QueueEntry> Peek(int count) => _ready.Peek(count);

    private void Append(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages)
    {
        foreach (ref readonly var message in messages.Span)
        {
            _ready.Append(new QueueEntry(++_lastPosition, message, DeliveryCount: 0));
        }

        _enqueued += messages.Length;
        _effects.Enqueue(new QueueEffect.Accepted(publisher, batchId));
    }

    private bool AdmitParked()
    {
        var admitted = false;
        while (!IsFull && _parked.TryDequeue(out var batch))
        {
            Append(batch.Publisher, batch.BatchId, batch.Messages);
            admitted = true;
        }

        return admitted;
    }

    private void HandOutByCredit()
    {
        while (_rotation.First is { Value: var consumer } && _ready.Count > 0)
        {
            if (CheckNext(consumer.MaxMessageBytes) is { } fault)
            {
                HandleCancel(consumer.Id);
                _effects.Enqueue(new QueueEffect.ConsumerRefused(consumer.Id, fault));
                continue;
            }

            var taken = _ready.TryTake(out var entry);
            Invariant.That(taken, "a queue that counts a message has it");
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
            return new Delivery(consumer.Unsettled.Skip(), entry);
        }

        _unsettledCount++;
        _unsettledBytes += entry.Message.SizeBytes;
        return new Delivery(consumer.Unsettled.Add(entry), entry);
    }

    private void Settle(in QueueEntry entry, SettleOutcome outcome)
    {
        _unsettledCount--;
        _unsettledBytes -= entry.Message.SizeBytes;
        switch (outcome)
        {
            case SettleOutcome.Ack:
                _acknowledged++;
                break;
            case SettleOutcome.Reject:
                _rejected++;
                break;
            case SettleOutcome.Requeue:
                _requeued++;
                _ready.Return(entry with { DeliveryCount = entry.DeliveryCount + 1 });
                break;
            default:
                throw new InvariantViolationException($"settle outcome {outcome}");
        }
    }
}
