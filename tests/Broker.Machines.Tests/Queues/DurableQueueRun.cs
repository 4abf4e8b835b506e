using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Ledgers;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

/// <summary>A machine on a ledger with a disk, a follower that has its records, and a model of both.</summary>
internal sealed class DurableQueueRun(QueueLimits limits)
{
    private const int LargestMessage = 12;
    private static readonly StoredMessage[] Messages = [.. Enumerable.Range(1, LargestMessage).Select(size => TestMessages.Named("m", size))];
    private readonly DurableQueueModel _model = new(limits);
    private readonly List<(ulong Index, QueueRecord Record, int Count)> _log = []; // as it was read again
    private readonly Dictionary<string, ulong> _sequences = [];
    private QueueMachine _machine = new(limits, new QueueLedger());
    private QueueLedger _follower = new();
    private QueueDisk _disk = new();
    private QueueEffect.Load? _load;
    private bool _isWanted; // somebody asks for what is not in memory
    private bool _wasWanted; // and the machine does not know yet that it is of no use any more
    private bool _isShort;
    private ulong _highestDelivered;
    private long _batchId;

    public void Perform(DurableQueueStep step)
    {
        var (kind, who, x, y) = step;
        var consumer = new ConsumerId(who);
        switch (kind)
        {
            case DurableQueueStep.Act.Publish:
                Publish(who, x, y);
                break;
            case DurableQueueStep.Act.Subscribe:
                Assert.Equal(_model.Subscribe(who, y % 4 == 0), _machine.HandleSubscribe(consumer, exclusive: false, noAck: y % 4 == 0)?.Code);
                break;
            case DurableQueueStep.Act.Grant:
                _machine.HandleGrant(consumer, x % 9, y % 90);
                _model.Grant(who, x % 9, y % 90);
                break;
            case DurableQueueStep.Act.Settle:
                var tags = _model.TagsOf(who).Where((_, i) => (x >> (i % 16) & 1) == 1).ToList();
                var fault = _machine.HandleSettle(consumer, [.. tags.Select(t => new SequenceRange(t, t))], (SettleOutcome)(y % 3));
                Assert.True(fault is null || tags.Count == 0, fault?.Reason);
                _model.Settle(who, tags, (SettleOutcome)(y % 3));
                break;
            case DurableQueueStep.Act.Cancel:
                _machine.HandleCancel(consumer);
                _model.Cancel(who);
                break;
            case DurableQueueStep.Act.ConsumerGone:
                _machine.HandleConsumerGone(consumer);
                _model.ConsumerGone(who);
                break;
            case DurableQueueStep.Act.PublisherGone:
                _machine.HandlePublisherGone(new PublisherId(who));
                _model.PublisherGone(who);
                break;
            case DurableQueueStep.Act.Get:
                Get(who, noAck: x % 2 == 0);
                break;
            case DurableQueueStep.Act.Peek:
                Peek((x % 12) + 1);
                break;
            case DurableQueueStep.Act.Purge:
                Assert.Equal(_model.Purge(), _machine.HandlePurge());
                _isWanted = false; // nothing is left to read for anybody
                break;
            case DurableQueueStep.Act.Dispatch:
                Dispatch();
                break;
            default:
                PerformOnDisk(step);
                break;
        }
    }

    /// <summary>Everything that waits comes to its end, and whatever is in the queue goes out, in order.</summary>
    public void Finish()
    {
        _machine.HandleBlocked(_model.BlockedBy = null);
        _machine.HandleMemoryShort(_isShort = false);
        for (var consumer = 1; consumer < 4; consumer++)
        {
            Perform(new DurableQueueStep(DurableQueueStep.Act.ConsumerGone, consumer, 0, 0));
        }

        Perform(new DurableQueueStep(DurableQueueStep.Act.Subscribe, 5, 0, 0));
        _machine.HandleGrant(new ConsumerId(5), 1_000_000, 1_000_000);
        _model.Grant(5, 1_000_000, 1_000_000);
        do
        {
            Commit(_machine.Ledger!.LastIndex);
            Read();
            Dispatch();
        }
        while (_load is not null || _model.ParkedCount > 0);

        Assert.Equal(0, _model.Count);
        Assert.Equal((0UL, 0L, 0L), (_machine.Ledger.Live.Count, _machine.SizeBytes, _machine.LoadedBytes));
    }

    private void PerformOnDisk(DurableQueueStep step)
    {
        var (kind, _, x, y) = step;
        switch (kind)
        {
            case DurableQueueStep.Act.Commit:
                Commit(Math.Min(_machine.Ledger!.LastIndex, _disk.CertainIndex + (ulong)(x % 4)));
                break;
            case DurableQueueStep.Act.Read:
                Read();
                break;
            case DurableQueueStep.Act.FailToRead when _load is not null:
                _load = null;
                _machine.HandleNotLoaded();
                break;
            case DurableQueueStep.Act.Damage when _model.LastPosition > 0:
                _disk.Damaged.Add(((ulong)x % _model.LastPosition) + 1);
                break;
            case DurableQueueStep.Act.Lose when _model.LastPosition > 0:
                var position = ((ulong)x % _model.LastPosition) + 1;
                _disk.Damaged.Add(position);
                Lose(_machine.HandleLost(position, position));
                break;
            case DurableQueueStep.Act.Memory:
                _machine.HandleMemoryShort(_isShort = x % 2 == 0);
                break;
            case DurableQueueStep.Act.Block:
                _machine.HandleBlocked(_model.BlockedBy = x % 3 == 0 ? "waits for disk space" : null);
                break;
            case DurableQueueStep.Act.Restart:
                CheckRestored();
                Restart(crash: y % 2 == 0);
                break;
            default:
                break;
        }
    }

    /// <summary>A producer with a name now and then sends again what it has sent, alone or with more.</summary>
    private void Publish(int who, int x, int y)
    {
        var messages = Enumerable.Range(0, x % 7).Select(i => Messages[(y + (i * x)) % LargestMessage]).ToArray();
        var name = y % 3 == 0 ? null : $"producer {(who + (y % 2)) % 3}";
        var sequences = Array.Empty<ulong>();
        if (name is not null)
        {
            var first = _sequences.GetValueOrDefault(name) + 1;
            first -= Math.Min(first - 1, (ulong)(x / 7 % 8 == 0 ? y / 3 % 6 : 0));
            sequences = [.. messages.Select((_, i) => first + (ulong)(i * ((x / 64 % 2) + 1)))]; // with gaps, of messages for other queues
            _sequences[name] = Math.Max(first - 1, sequences.LastOrDefault());
        }

        _machine.HandleEnqueue(new PublisherId(who), ++_batchId, messages, name is null ? default : new ProducerBatch(name, sequences));
        _model.Enqueue(who, _batchId, messages, name, sequences);
    }

    private void Get(int who, bool noAck)
    {
        switch (_machine.HandleGet(new ConsumerId(who), noAck, out var delivery))
        {
            case GetResult.Message:
                Note(delivery);
                _model.Get(who, noAck, delivery);
                break;
            case GetResult.Empty:
                Assert.Empty(_model.Ready);
                break;
            default:
                Assert.NotEmpty(_model.Ready);
                _isWanted = _wasWanted = true;
                break;
        }
    }

    private void Peek(int count)
    {
        var complete = _machine.TryPeek(count, out var entries);
        var expected = _model.Ready.Take(count).ToList();
        Assert.Equal(expected.Take(entries.Count), entries);
        Assert.True(!complete || entries.Count == expected.Count || entries.Count > 0, "there is more to see");
        Assert.True(complete || entries.Count < expected.Count, "all was there to be seen");
        _isWanted |= !complete;
        _wasWanted |= !complete;
    }

    private void Dispatch()
    {
        _model.Admit();
        _machine.Dispatch();
        var record = _machine.TakeRecord();
        var wasReading = _load is not null;
        var deliveries = new List<(long Consumer, Delivery Delivery)>();
        while (_machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case QueueEffect.Deliver e:
                    deliveries.AddRange(e.Deliveries.Select(d => (e.Consumer.Value, d)));
                    break;
                case QueueEffect.Load e:
                    Assert.True(_load is null, "one thing is read at a time");
                    _load = e;
                    break;
                default:
                    Assert.Equal(_model.Answers.TryDequeue(out var expected) ? expected : null, effect);
                    break;
            }
        }

        Assert.Empty(_model.Answers);
        foreach (var (_, delivery) in deliveries.OrderBy(d => d.Delivery.Entry.Position))
        {
            Note(delivery);
        }

        _model.HandOut(deliveries);
        if (record is not null)
        {
            Log(record);
        }

        Compare();
        Assert.True(_load is not null || !_model.MayHandOut || !_model.Ready.Any(), "a message waits for nothing");
        Assert.True(_load is not null || !_isWanted, "nobody reads what was asked for");
        Assert.True(_load is null || wasReading || _model.MayHandOut || _wasWanted, "something is read for nobody");
    }

    private void Log(QueueRecord record)
    {
        var index = _machine.Ledger!.LastIndex;
        var copy = QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, record.MessageBytes);
        _disk.Append(index, record);
        _log.Add((index, copy, record.Messages.Length));
        _follower.Apply(copy, record.Messages.Length);
        _model.Log(index);
    }

    private void Commit(ulong index)
    {
        _disk.CertainIndex = Math.Max(_disk.CertainIndex, index);
        _machine.HandleCertain(_disk.CertainIndex);
        _model.Commit(_disk.CertainIndex);
    }

    private void Read()
    {
        if (_load is { } load && _disk.TryRead(load, out var messages, out var last))
        {
            _load = null;
            _isWanted = _wasWanted = false;
            Lose(_machine.HandleLoaded(messages, load.Position, last));
        }
    }

    private void Lose(IReadOnlyList<PositionRange> lost)
    {
        foreach (var position in lost.SelectMany(LedgerSteps.Positions))
        {
            Assert.Contains(position, _disk.Damaged);
            _model.Lose(position);
        }

        _isWanted &= lost.Count == 0;
    }

    /// <summary>The process ends in good order, or without what was not certain yet.</summary>
    private void Restart(bool crash)
    {
        if (crash)
        {
            _log.RemoveAll(r => r.Index > _disk.CertainIndex);
            _disk = _disk.AfterCrash();
            _follower = new QueueLedger();
            _log.ForEach(r => _follower.Apply(r.Record, r.Count));
        }
        else
        {
            Dispatch();
        }

        var ledger = QueueLedger.Restore(_follower.Checkpoint().Span, _follower.LastIndex);
        _disk.CertainIndex = ledger.LastIndex;
        _machine = new QueueMachine(limits, ledger);
        _model.Restart(ledger, _disk.MessageAt);
        _load = null;
        _isWanted = _wasWanted = _isShort = false;
        _highestDelivered = ulong.MaxValue; // what was handed out first may have been forgotten
        Compare();
    }

    /// <summary>Whoever hands out messages for the first time does so in the order in which they came.</summary>
    private void Note(Delivery delivery)
    {
        if (!delivery.Redelivered && _highestDelivered != ulong.MaxValue)
        {
            Assert.True(delivery.Entry.Position > _highestDelivered, "a message was overtaken");
            _highestDelivered = delivery.Entry.Position;
        }
    }

    private void Compare()
    {
        var ledger = _machine.Ledger!;
        Assert.Equal((_follower.NextPosition, _follower.LiveBytes), (ledger.NextPosition, ledger.LiveBytes));
        Assert.Equal(_model.LastPosition + 1, ledger.NextPosition);
        var live = ledger.Live.Ranges().ToList();
        Assert.True(live.SequenceEqual(_follower.Live.Ranges()), "the follower has other messages");
        var expected = _model.Live.Select(e => (e.Position, e.DeliveryCount));
        Assert.True(expected.SequenceEqual(live.SelectMany(r => LedgerSteps.Positions(new PositionRange(r.First, r.Last)).Select(p => (p, r.DeliveryCount)))), "the ledger has other messages");
        Assert.True(_model.Producers.SequenceEqual(ledger.Producers.Marks) && _model.Producers.SequenceEqual(_follower.Producers.Marks), "the producers differ");

        Assert.Equal((_model.Count, _model.UnsettledCount), ((int)_machine.ReadyCount + _machine.UnsettledCount, _machine.UnsettledCount));
        Assert.Equal((_model.SizeBytes, _model.ParkedCount, _model.ConsumerCount), (_machine.SizeBytes, _machine.ParkedCount, _machine.ConsumerCount));
        Assert.Equal(_model.IsFull, _machine.IsFull);

        // Those that consumers hold keep their bytes when memory gets short.
        var budget = !_isShort ? limits.MaxLoadedBytes : _model.UnsettledCount == 0 ? limits.MinLoadedBytes : (limits.MaxLoadedBytes / 2) + limits.MinLoadedBytes;
        Assert.InRange(_machine.LoadedBytes, 0, budget + LargestMessage);
    }

    /// <summary>A ledger that was written and read is the same, and a queue made of it hands out exactly what is in this one.</summary>
    private void CheckRestored()
    {
        var ledger = _machine.Ledger!;
        var restored = QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex);
        LedgerText.AssertAlike(ledger, restored);
        Assert.Equal(LedgerText.ContentOf(ledger), LedgerText.ContentOf(_follower));

        // Whatever happened after the last record is not in it yet.
        var expected = restored.Live.Ranges().SelectMany(r => LedgerSteps.Positions(new PositionRange(r.First, r.Last)).Select(p => new QueueEntry(p, _disk.MessageAt(p), r.DeliveryCount)))
            .Where(e => !_disk.Damaged.Contains(e.Position)).ToList();
        var machine = new QueueMachine(limits, restored);
        var disk = _disk.WithAllCertain();
        Assert.Null(machine.HandleSubscribe(new ConsumerId(1), exclusive: false, noAck: true));
        machine.HandleGrant(new ConsumerId(1), 1_000_000, 1_000_000);
        var actual = new List<Delivery>();
        machine.Dispatch();
        while (machine.TryTakeEffect(out var effect))
        {
            if (effect is QueueEffect.Load load)
            {
                Assert.True(disk.TryRead(load, out var messages, out var last));
                machine.HandleLoaded(messages, load.Position, last);
                machine.Dispatch();
            }
            else
            {
                actual.AddRange(Assert.IsType<QueueEffect.Deliver>(effect).Deliveries);
            }
        }

        Assert.Equal(expected, actual.Select(d => d.Entry));
        Assert.All(actual, d => Assert.Equal(d.Entry.DeliveryCount > 0, d.Redelivered));
        Assert.Equal(0, machine.ReadyCount);
    }
}
