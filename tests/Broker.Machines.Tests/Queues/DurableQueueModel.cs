using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>
/// What is in a durable queue, who holds it, and who waits, whatever of it is in memory. What is handed out when is up to the machine; that it is the next message each time, the
/// right one, and to somebody who may have it, is checked here.
/// </summary>
internal sealed class DurableQueueModel(QueueLimits limits)
{
    private readonly SortedDictionary<ulong, Message> _messages = [];
    private readonly SortedDictionary<long, Consumer> _consumers = [];
    private readonly List<Batch> _parked = [];
    private readonly Queue<(ulong Index, long Bytes)> _uncertain = new();
    private List<ProducerMark> _producers = []; // who published last is last
    private long _joinedBytes;
    private ulong _lastPosition;

    private sealed record Batch(PublisherId Publisher, long Id, StoredMessage[] Messages, string? Producer, ulong[] Sequences);

    private sealed class Message(StoredMessage stored)
    {
        public StoredMessage Stored { get; } = stored;

        public int DeliveryCount { get; set; }

        public long Holder { get; set; } // 0: it is ready

        public ulong Tag { get; set; }
    }

    private sealed class Consumer(bool noAck, bool subscribed)
    {
        public bool NoAck { get; } = noAck;

        public bool Subscribed { get; set; } = subscribed;

        public long Messages { get; set; }

        public long Bytes { get; set; }

        public ulong LastTag { get; set; }

        public bool HasCredit => Subscribed && Messages > 0 && Bytes > 0;
    }

    /// <summary>What the machine is to say, but for deliveries and loads.</summary>
    public Queue<QueueEffect> Answers { get; } = new();

    /// <summary>Why publishers have to wait for others than the disk.</summary>
    public string? BlockedBy { get; set; }

    /// <summary>Bytes of messages that were lost; they count until the queue is empty or purged.</summary>
    public long LostBytes { get; private set; }

    public IReadOnlyList<ProducerMark> Producers => _producers;

    public ulong LastPosition => _lastPosition;

    public int ParkedCount => _parked.Count;

    public int Count => _messages.Count;

    public long SizeBytes => _messages.Values.Sum(m => (long)m.Stored.SizeBytes) + LostBytes;

    public int UnsettledCount => _messages.Values.Count(m => m.Holder != 0);

    public int ConsumerCount => _consumers.Values.Count(c => c.Subscribed);

    public bool IsFull => FullBecause is not null;

    /// <summary>Whether there is somebody to hand messages to.</summary>
    public bool MayHandOut => UnsettledCount < limits.MaxUnsettledMessages && _consumers.Values.Any(c => c.HasCredit);

    public IEnumerable<QueueEntry> Ready => _messages.Where(m => m.Value.Holder == 0).Select(m => new QueueEntry(m.Key, m.Value.Stored, m.Value.DeliveryCount));

    /// <summary>All messages, those that are held counted as handed out: what a ledger says.</summary>
    public IEnumerable<QueueEntry> Live => _messages.Select(m => new QueueEntry(m.Key, m.Value.Stored, m.Value.DeliveryCount + (m.Value.Holder != 0 ? 1 : 0)));

    private string? FullBecause => BlockedBy ?? (_joinedBytes + _uncertain.Sum(u => u.Bytes) >= limits.MaxUncertainBytes ? "waits for the disk" : null);

    public ulong[] TagsOf(long consumer) => [.. _messages.Values.Where(m => m.Holder == consumer).Select(m => m.Tag).Order()];

    public void Enqueue(long publisher, long id, StoredMessage[] messages, string? producer, ulong[] sequences)
    {
        var batch = new Batch(new PublisherId(publisher), id, messages, producer, sequences);
        if (IsFull || _parked.Count > 0)
        {
            _parked.Add(batch);
            Answers.Enqueue(new QueueEffect.Parked(batch.Publisher, id, FullBecause ?? "waits for the disk"));
        }
        else
        {
            Accept(batch);
        }
    }

    public void PublisherGone(long publisher)
    {
        foreach (var batch in _parked.Where(p => p.Publisher.Value == publisher))
        {
            Answers.Enqueue(new QueueEffect.Dropped(batch.Publisher, batch.Id));
        }

        _parked.RemoveAll(p => p.Publisher.Value == publisher);
    }

    /// <summary>Lets in those that wait, as far as there is room.</summary>
    public void Admit()
    {
        while (_parked.Count > 0 && !IsFull)
        {
            Accept(_parked[0]);
            _parked.RemoveAt(0);
        }
    }

    /// <summary>What has joined was logged.</summary>
    public void Log(ulong index)
    {
        _uncertain.Enqueue((index, _joinedBytes));
        _joinedBytes = 0;
        LostBytes = _messages.Count > 0 ? LostBytes : 0;
    }

    public void Commit(ulong index)
    {
        while (_uncertain.TryPeek(out var oldest) && oldest.Index <= index)
        {
            _uncertain.Dequeue();
        }
    }

    public ErrorCode? Subscribe(long id, bool noAck) => _consumers.TryAdd(id, new Consumer(noAck, subscribed: true)) ? null : ErrorCode.ProtocolViolation;

    public void Grant(long id, long messages, long bytes)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            consumer.Messages += messages;
            consumer.Bytes += bytes;
        }
    }

    public void Cancel(long id)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            consumer.Subscribed = false;
        }
    }

    public void ConsumerGone(long id)
    {
        _consumers.Remove(id);
        Settle(id, TagsOf(id), SettleOutcome.Requeue);
    }

    public void Settle(long id, IEnumerable<ulong> tags, SettleOutcome outcome)
    {
        foreach (var (position, message) in _messages.Where(m => m.Value.Holder == id && tags.Contains(m.Value.Tag)).ToList())
        {
            if (outcome == SettleOutcome.Requeue)
            {
                message.Holder = 0;
                message.DeliveryCount++;
            }
            else
            {
                _messages.Remove(position);
            }
        }
    }

    public void Get(long id, bool noAck, Delivery delivery)
    {
        _consumers.TryAdd(id, new Consumer(noAck: false, subscribed: false));
        HandOut(id, delivery, noAck);
    }

    /// <summary>Of one dispatch, in any order.</summary>
    public void HandOut(IEnumerable<(long Consumer, Delivery Delivery)> deliveries)
    {
        foreach (var (id, delivery) in deliveries.OrderBy(d => d.Delivery.Entry.Position))
        {
            var consumer = _consumers[id];
            Assert.True(consumer.HasCredit, $"{id} has no credit");
            Assert.True(UnsettledCount < limits.MaxUnsettledMessages, "too much is unsettled");
            consumer.Messages--;
            consumer.Bytes -= delivery.Entry.Message.SizeBytes;
            HandOut(id, delivery, consumer.NoAck);
        }
    }

    public long Purge()
    {
        var ready = Ready.Select(e => e.Position).ToList();
        ready.ForEach(p => _messages.Remove(p));
        LostBytes = ready.Count > 0 ? 0 : LostBytes;
        return ready.Count;
    }

    public void Lose(ulong position)
    {
        Assert.True(_messages.TryGetValue(position, out var message) && message.Holder == 0, $"{position} is lost and was not ready");
        LostBytes += message.Stored.SizeBytes;
        _messages.Remove(position);
    }

    /// <summary>The process has ended and left this.</summary>
    public void Restart(QueueLedger ledger, Func<ulong, StoredMessage> messageAt)
    {
        _messages.Clear();
        foreach (var range in ledger.Live.Ranges())
        {
            for (var position = range.First; position <= range.Last; position++)
            {
                _messages.Add(position, new Message(messageAt(position)) { DeliveryCount = range.DeliveryCount });
            }
        }

        _consumers.Clear();
        _parked.Clear();
        _uncertain.Clear();
        _producers = [.. ledger.Producers.Marks];
        _joinedBytes = LostBytes = 0;
        LostBytes = ledger.LiveBytes - SizeBytes;
        _lastPosition = ledger.NextPosition - 1;
        BlockedBy = null;
        Answers.Clear();
    }

    private void Accept(Batch batch)
    {
        var known = _producers.Find(p => p.Producer == batch.Producer);
        var isNew = batch.Messages.Where((_, i) => batch.Producer is null || batch.Sequences[i] > known.LastSequence).ToList();
        foreach (var message in isNew)
        {
            _messages.Add(++_lastPosition, new Message(message));
            _joinedBytes += message.SizeBytes;
        }

        if (batch.Producer is { } producer && isNew.Count > 0)
        {
            _producers.Remove(known);
            _producers.Add(new ProducerMark(producer, batch.Sequences[^1]));
        }

        Answers.Enqueue(new QueueEffect.Accepted(batch.Publisher, batch.Id));
    }

    private void HandOut(long id, Delivery delivery, bool noAck)
    {
        Assert.Equal(Ready.First(), delivery.Entry);
        Assert.Equal(++_consumers[id].LastTag, delivery.Tag);
        var message = _messages[delivery.Entry.Position];
        if (noAck)
        {
            _messages.Remove(delivery.Entry.Position);
        }
        else
        {
            (message.Holder, message.Tag) = (id, delivery.Tag);
        }
    }
}
