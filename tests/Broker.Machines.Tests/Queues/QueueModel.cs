using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>What a queue is to do, in the plainest way that says it: one list of messages, searched from the front each time.</summary>
internal sealed class QueueModel(QueueLimits limits)
{
    private readonly List<Message> _messages = []; // by position
    private readonly List<Consumer> _consumers = [];
    private readonly List<Consumer> _turns = [];
    private readonly List<(long Publisher, long BatchId, StoredMessage[] Messages)> _parked = [];
    private ulong _lastPosition;
    private bool _deleted;

    private sealed class Message(ulong position, StoredMessage stored)
    {
        public ulong Position { get; } = position;

        public StoredMessage Stored { get; } = stored;

        public int DeliveryCount { get; set; }

        public Consumer? Holder { get; set; }

        public ulong Tag { get; set; }

        public QueueEntry Entry => new(Position, Stored, DeliveryCount);
    }

    private sealed class Consumer(long id, bool exclusive, bool noAck, bool subscribed)
    {
        public long Id { get; } = id;

        public bool Exclusive { get; } = exclusive;

        public bool NoAck { get; } = noAck;

        public bool Subscribed { get; set; } = subscribed;

        public long Messages { get; set; }

        public long Bytes { get; set; }

        public ulong LastTag { get; set; }

        public bool HasCredit => Subscribed && Messages > 0 && Bytes > 0;
    }

    public QueueCounters Counters { get; private set; }

    public List<QueueEffect> Effects { get; } = [];

    public IEnumerable<QueueEntry> Ready => _messages.Where(m => m.Holder is null).Select(m => m.Entry);

    public int UnsettledCount => _messages.Count(m => m.Holder is not null);

    public long SizeBytes => _messages.Sum(m => (long)m.Stored.SizeBytes);

    public int ConsumerCount => _consumers.Count(c => c.Subscribed);

    public int ParkedCount => _parked.Count;

    public bool IsFull => SizeBytes >= limits.MaxBytes || _messages.Count >= limits.MaxMessages;

    public ulong[] TagsOf(long consumer) => [.. _messages.Where(m => m.Holder?.Id == consumer).Select(m => m.Tag).Order()];

    public void Enqueue(long publisher, long batchId, StoredMessage[] messages)
    {
        if (_deleted)
        {
            Effects.Add(new QueueEffect.Dropped(new PublisherId(publisher), batchId));
        }
        else if (IsFull || _parked.Count > 0)
        {
            _parked.Add((publisher, batchId, messages));
            Effects.Add(new QueueEffect.Parked(new PublisherId(publisher), batchId, "is full"));
        }
        else
        {
            Accept(publisher, batchId, messages);
        }
    }

    public void PublisherGone(long publisher)
    {
        Effects.AddRange(_parked.Where(p => p.Publisher == publisher).Select(p => new QueueEffect.Dropped(new PublisherId(publisher), p.BatchId)));
        _parked.RemoveAll(p => p.Publisher == publisher);
    }

    public ErrorCode? Subscribe(long id, bool exclusive, bool noAck)
    {
        var refusal = _deleted ? ErrorCode.NotFound
            : Find(id) is not null ? ErrorCode.ProtocolViolation
            : _consumers.Any(c => c.Subscribed && (exclusive || c.Exclusive)) ? ErrorCode.ResourceLocked
            : (ErrorCode?)null;
        if (refusal is null)
        {
            _consumers.Add(new Consumer(id, exclusive, noAck, subscribed: true));
        }

        return refusal;
    }

    public void Grant(long id, long messages, long bytes)
    {
        if (Find(id) is { } consumer)
        {
            consumer.Messages += messages;
            consumer.Bytes += bytes;
            TakeTurn(consumer);
        }
    }

    public ErrorCode? Settle(long id, IReadOnlyList<SequenceRange> ranges, SettleOutcome outcome)
    {
        if (_deleted)
        {
            return null;
        }

        var tags = new List<ulong>();
        foreach (var range in ranges)
        {
            for (var tag = range.First; tag <= range.Last; tag++)
            {
                tags.Add(tag);
            }
        }

        var held = TagsOf(id);
        if (Find(id) is null || ranges.Any(r => r.Last < r.First) || !tags.SequenceEqual(tags.Distinct().Order()) || tags.Except(held).Any())
        {
            return ErrorCode.UnknownDeliveryTag;
        }

        foreach (var message in _messages.Where(m => m.Holder?.Id == id && tags.Contains(m.Tag)).ToArray())
        {
            Settle(message, outcome);
        }

        return null;
    }

    public void Cancel(long id)
    {
        if (Find(id) is { } consumer)
        {
            consumer.Subscribed = false;
            _turns.Remove(consumer);
        }
    }

    public void ConsumerGone(long id)
    {
        Cancel(id);
        foreach (var message in _messages.Where(m => m.Holder?.Id == id))
        {
            Settle(message, SettleOutcome.Requeue);
        }

        _consumers.RemoveAll(c => c.Id == id);
    }

    public Delivery? Get(long id, bool noAck)
    {
        if (_messages.Find(m => m.Holder is null) is not { } message)
        {
            return null;
        }

        if (Find(id) is not { } consumer)
        {
            consumer = new Consumer(id, exclusive: false, noAck: false, subscribed: false);
            _consumers.Add(consumer);
        }

        return HandOut(message, consumer, noAck);
    }

    public int Purge() => _messages.RemoveAll(m => m.Holder is null);

    public ErrorCode? Delete(bool ifUnused, bool ifEmpty)
    {
        if ((ifUnused && ConsumerCount > 0) || (ifEmpty && _messages.Count > 0))
        {
            return ErrorCode.PreconditionFailed;
        }

        _deleted = true;
        Effects.AddRange(_consumers.OrderBy(c => c.Id).Select(c => new QueueEffect.ConsumerClosed(new ConsumerId(c.Id))));
        Effects.AddRange(_parked.Select(p => new QueueEffect.Dropped(new PublisherId(p.Publisher), p.BatchId)));
        _messages.Clear();
        _consumers.Clear();
        _turns.Clear();
        _parked.Clear();
        return null;
    }

    public void Dispatch()
    {
        var outboxes = new List<(Consumer To, List<Delivery> Deliveries)>();
        do
        {
            while (_turns.Count > 0 && _messages.Find(m => m.Holder is null) is { } message)
            {
                var consumer = _turns[0];
                _turns.RemoveAt(0);
                consumer.Messages--;
                consumer.Bytes -= message.Stored.SizeBytes;
                if (!outboxes.Exists(o => o.To == consumer))
                {
                    outboxes.Add((consumer, []));
                }

                outboxes.Find(o => o.To == consumer).Deliveries.Add(HandOut(message, consumer, consumer.NoAck));
                TakeTurn(consumer);
            }
        }
        while (Admit());

        Effects.AddRange(outboxes.Select(o => new QueueEffect.Deliver(new ConsumerId(o.To.Id), o.Deliveries)));
    }

    private bool Admit()
    {
        var before = _parked.Count;
        while (_parked.Count > 0 && !IsFull)
        {
            Accept(_parked[0].Publisher, _parked[0].BatchId, _parked[0].Messages);
            _parked.RemoveAt(0);
        }

        return _parked.Count < before;
    }

    private void Accept(long publisher, long batchId, StoredMessage[] messages)
    {
        _messages.AddRange(messages.Select(m => new Message(++_lastPosition, m)));
        Counters = Counters with { Enqueued = Counters.Enqueued + messages.Length };
        Effects.Add(new QueueEffect.Accepted(new PublisherId(publisher), batchId));
    }

    private Delivery HandOut(Message message, Consumer consumer, bool noAck)
    {
        var delivery = new Delivery(++consumer.LastTag, message.Entry);
        Counters = Counters with
        {
            Delivered = Counters.Delivered + 1,
            Redelivered = Counters.Redelivered + (delivery.Redelivered ? 1 : 0),
            Acknowledged = Counters.Acknowledged + (noAck ? 1 : 0),
        };
        if (noAck)
        {
            _messages.Remove(message);
        }
        else
        {
            (message.Holder, message.Tag) = (consumer, delivery.Tag);
        }

        return delivery;
    }

    private void Settle(Message message, SettleOutcome outcome)
    {
        if (outcome == SettleOutcome.Requeue)
        {
            message.Holder = null;
            message.DeliveryCount++;
            Counters = Counters with { Requeued = Counters.Requeued + 1 };
            return;
        }

        _messages.Remove(message);
        Counters = outcome == SettleOutcome.Ack
            ? Counters with { Acknowledged = Counters.Acknowledged + 1 }
            : Counters with { Rejected = Counters.Rejected + 1, Dropped = Counters.Dropped + 1 };
    }

    private void TakeTurn(Consumer consumer)
    {
        if (consumer.HasCredit && !_turns.Contains(consumer))
        {
            _turns.Add(consumer);
        }
    }

    private Consumer? Find(long id) => _consumers.Find(c => c.Id == id);
}
