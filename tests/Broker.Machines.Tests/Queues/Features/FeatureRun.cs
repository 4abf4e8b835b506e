using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Ledgers;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues.Features;

/// <summary>
/// A machine with features on a disk that is fast, a follower that has its records, and a model. After each step everything comes to rest: what is wanted from the disk is read, and what can
/// be handed out is. So nothing may depend on what was in memory.
/// </summary>
internal sealed class FeatureRun
{
    private readonly FeatureProfile _profile;
    private readonly FeatureModel _model;
    private readonly QueueLedger _follower = new();
    private readonly QueueDisk _disk = new();
    private readonly SortedSet<ulong> _underWay = []; // sequences of dead letters
    private QueueMachine _machine;
    private readonly bool _dropsUnread; // how many bytes there are is an estimate then
    private ulong _lastSent;
    private readonly Dictionary<int, NamedProducer> _producers = new() { [1] = new("shop"), [2] = new("bank") };
    private long _batchId;

    public FeatureRun(FeatureProfile profile)
    {
        _profile = profile;
        _dropsUnread = profile.Settings.Any(s => s is { MaxLength: not null, DeadLetters: false });
        _model = new FeatureModel(profile.Settings[0]) { Now = 1_000 };
        _machine = new QueueMachine(profile.Limits, profile.Durable ? new QueueLedger() : null, profile.Settings[0], _model.Now);
    }

    public void Perform(FeatureStep step)
    {
        var (kind, who, x, y) = step;
        var consumer = new ConsumerId(who);
        switch (kind)
        {
            case FeatureStep.Act.Publish:
                Publish(who, x, y);
                break;
            case FeatureStep.Act.Subscribe:
                var noAck = y % 4 == 0 && !_model.Settings.MessageGroups;
                Assert.Equal(_model.Subscribe(who, noAck), _machine.HandleSubscribe(consumer, exclusive: false, noAck)?.Code);
                break;
            case FeatureStep.Act.Grant:
                _machine.HandleGrant(consumer, x % 5, 1_000_000);
                _model.Grant(who, x % 5);
                break;
            case FeatureStep.Act.Settle:
                var tags = _model.TagsOf(who).Where((_, i) => (x >> (i % 16) & 1) == 1).ToList();
                var fault = _machine.HandleSettle(consumer, [.. tags.Select(t => new SequenceRange(t, t))], (SettleOutcome)(y % 3));
                Assert.True(fault is null || tags.Count == 0, fault?.Reason);
                _model.Settle(who, tags, (SettleOutcome)(y % 3));
                break;
            case FeatureStep.Act.ConsumerGone:
                _machine.HandleConsumerGone(consumer);
                _model.ConsumerGone(who);
                break;
            case FeatureStep.Act.DeadLettered:
                foreach (var sequence in _underWay.Where((_, i) => (x >> (i % 16) & 1) == 1).ToList())
                {
                    _machine.HandleDeadLettered(sequence);
                    _model.DeadLettered(sequence);
                    _underWay.Remove(sequence);
                }

                break;
            case FeatureStep.Act.Purge:
                Assert.Equal(_model.Purge(), _machine.HandlePurge());
                break;
            case FeatureStep.Act.Peek:
                Peek((x % 12) + 1);
                break;
            default:
                PerformOther(step);
                break;
        }

        Rest();
    }

    /// <summary>Everything that is in the queue goes out, and nothing is left.</summary>
    public void Finish()
    {
        _model.Settings = _model.Settings with { RetryBackoff = RetryBackoff.None };
        _machine.HandleSettings(_model.Settings);
        _machine.HandlePause(_model.Paused = false);
        for (var who = 1; who < 4; who++)
        {
            Perform(new FeatureStep(FeatureStep.Act.ConsumerGone, who, 0, 0));
        }

        Perform(new FeatureStep(FeatureStep.Act.Subscribe, 9, 0, _model.Settings.MessageGroups ? 1 : 0));
        _machine.HandleGrant(new ConsumerId(9), 1_000_000, 1_000_000_000);
        _model.Grant(9, 1_000_000);
        Rest();
        while (_model.NextDeadline is { } next)
        {
            _machine.HandleTime(_model.Now = Math.Max(next, _model.Now), _model.Now);
            Rest();
        }

        for (var i = 0; _model.All.Count > 0; i++)
        {
            Assert.True(i < 1_000, "something stays");
            Perform(new FeatureStep(FeatureStep.Act.Settle, 9, 0xffff, 0));
            Perform(new FeatureStep(FeatureStep.Act.DeadLettered, 9, 0xffff, 0));
        }

        Assert.Equal((0, 0L, 0L), ((int)_machine.ReadyCount, _machine.SizeBytes, _machine.LoadedBytes));
        Assert.Equal((0, 0), (_machine.Ledger?.Held.Count ?? 0, _machine.Ledger?.Dead.Count ?? 0));
        CheckFollower();
    }

    /// <summary>Who has applied the records has the same ledger, and so has who reads its checkpoint.</summary>
    private void CheckFollower()
    {
        if (_machine.Ledger is { } ledger)
        {
            Assert.Equal(LedgerText.ContentOf(ledger), LedgerText.ContentOf(_follower));
            LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
        }
    }

    private void PerformOther(FeatureStep step)
    {
        var (kind, _, x, _) = step;
        switch (kind)
        {
            case FeatureStep.Act.Advance:
                var target = _model.Now + (x % 40);
                _machine.HandleTime(_model.Now = Math.Min(target, Math.Max(_model.Now, _model.NextDeadline ?? target)), _model.Now);
                break;
            case FeatureStep.Act.Pause:
                _machine.HandlePause(_model.Paused = x % 2 == 0);
                break;
            case FeatureStep.Act.Settings:
                _model.Settings = _profile.Settings[x % _profile.Settings.Length];
                _machine.HandleSettings(_model.Settings);
                break;
            case FeatureStep.Act.Memory:
                _machine.HandleMemoryShort(x % 2 == 0);
                break;
            case FeatureStep.Act.Restart when _profile.Durable:
                CheckFollower();
                var ledger = QueueLedger.Restore(_follower.Checkpoint().Span, _follower.LastIndex);
                _machine = new QueueMachine(_profile.Limits, ledger, _model.Settings, _model.Now);
                _model.Restart();
                _producers.Values.ToList().ForEach(p => p.MustRepeat = true); // their connections were lost
                _lastSent = 0; // they are all sent again
                _underWay.Clear();
                break;
            default:
                break;
        }
    }

    private void Publish(int who, int x, int y)
    {
        if (!_producers.TryGetValue(who, out var producer))
        {
            Enqueue(who, MessagesOf(x, y), name: null, []);
        }
        else if (producer.MustRepeat || y % 4 == 0)
        {
            producer.MustRepeat = false;
            producer.Unheard.RemoveAll(u => (x >> (int)(u.Sequence % 16) & 1) == 1);
            foreach (var part in producer.Unheard.Chunk(1 + (y / 4 % 6)))
            {
                Enqueue(who, [.. part.Select(u => u.Message.At(_model.Now))], producer.Name, [.. part.Select(u => u.Sequence)]);
            }
        }
        else
        {
            var messages = MessagesOf(x, y);
            List<ulong> sequences = [.. messages.Select((_, i) => producer.Last += 1 + (ulong)(y >> i & 1))];
            producer.Unheard.AddRange(sequences.Zip(messages));
            Enqueue(who, messages, producer.Name, sequences);
        }
    }

    private List<FeatureMessage> MessagesOf(int x, int y) => [.. Enumerable.Range(0, x % 5).Select(i => _profile.Message((x >> 3) + (i * y), (y >> 3) + (i * x), _model.Now))];

    private void Enqueue(int who, IReadOnlyList<FeatureMessage> messages, string? name, IReadOnlyList<ulong> sequences)
    {
        _machine.HandleEnqueue(new PublisherId(who), ++_batchId, messages.Select(m => m.Stored).ToArray(), name is null ? default : new ProducerBatch(name, sequences.ToArray()));
        var expected = _model.Publish(messages, name, sequences);
        Assert.True(_machine.TryTakeEffect(out var answer));
        if (expected.All(isTaken => isTaken))
        {
            Assert.Equal(new QueueEffect.Accepted(new PublisherId(who), _batchId), answer);
        }
        else
        {
            var refusal = Assert.IsType<QueueEffect.NotAccepted>(answer);
            Assert.Equal(_batchId, refusal.BatchId);
            Assert.All(refusal.Refused, r => Assert.Equal(ErrorCode.ResourceExhausted, r.Fault.Code));
            Assert.Equal(expected, messages.Select((_, i) => !refusal.Refused.Any(r => r.First <= i && i < r.First + r.Count)));
        }
    }

    /// <summary>A publisher with a lasting name, and what it has heard no outcome of: it sends that again, in order, when it has lost its connection.</summary>
    private sealed class NamedProducer(string name)
    {
        public string Name => name;

        public ulong Last { get; set; }

        public bool MustRepeat { get; set; }

        public List<(ulong Sequence, FeatureMessage Message)> Unheard { get; } = [];
    }

    private void Peek(int count)
    {
        var complete = _machine.TryPeek(count, out var entries);
        var expected = _model.Ready.Take(count).Select(m => new QueueEntry(m.Position, m.Content.Stored, m.DeliveryCount)).ToList();
        Assert.Equal(expected.Take(entries.Count), entries);
        Assert.True(!complete || entries.Count == expected.Count || entries.Count > 0, "there is more to see");
    }

    /// <summary>Until nothing more happens.</summary>
    private void Rest()
    {
        _model.Release();
        _model.Expire();
        var deliveries = new List<(long Consumer, Delivery Delivery)>();
        var died = new List<DeadMessage>();
        for (var turns = 0; ; turns++)
        {
            Assert.True(turns < 1_000, "it never comes to rest");
            _machine.Dispatch();
            Log();
            if (!CarryOut(deliveries, died))
            {
                break;
            }
        }

        _model.HandOut(deliveries, mayHaveMore: !IsComplete);
        _model.DropOverflow();
        _model.Expire();
        died.ForEach(CheckDead);
        Compare();
    }

    /// <summary>Whether everything that might be handed out is in reach: of groups only so many messages are passed over.</summary>
    private bool IsComplete => !_model.Settings.MessageGroups || _profile.Limits.MaxLoadedBytes > 10_000;

    private void Log()
    {
        if (_machine.TakeRecord() is { } record)
        {
            var index = _machine.Ledger!.LastIndex;
            _disk.Append(index, record);
            _follower.Apply(QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, record.MessageBytes), record.Messages.Length);
            _disk.CertainIndex = index;
            _machine.HandleCertain(index);
        }
    }

    /// <returns>Whether something was read.</returns>
    private bool CarryOut(List<(long Consumer, Delivery Delivery)> deliveries, List<DeadMessage> died)
    {
        var hasRead = false;
        while (_machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case QueueEffect.Deliver e:
                    deliveries.AddRange(e.Deliveries.Select(d => (e.Consumer.Value, d)));
                    break;
                case QueueEffect.DeadLetter e:
                    died.Add(e.Message);
                    break;
                case QueueEffect.Load e:
                    Assert.True(_disk.TryRead(e, out var messages, out var last));
                    Assert.Empty(_machine.HandleLoaded(messages, e.Position, last));
                    hasRead = true;
                    break;
                default:
                    Assert.Fail($"unexpected: {effect}");
                    break;
            }
        }

        return hasRead;
    }

    /// <summary>Dead letters are sent off in the order of their numbers, each once in the life of a process, and always with the same number.</summary>
    private void CheckDead(DeadMessage dead)
    {
        Assert.True(dead.Sequence > _lastSent, "dead letters overtake each other");
        _lastSent = dead.Sequence;
        var message = Assert.Single(_model.Of(FeatureModel.State.Dead), m => m.Position == dead.Entry.Position);
        Assert.Equal(new QueueEntry(message.Position, message.Content.Stored, message.DeliveryCount), dead.Entry);
        Assert.Contains(dead.Reason, message.Reasons);
        Assert.True(message.Sequence == 0 || message.Sequence == dead.Sequence, "it has another number now");
        message.Sequence = dead.Sequence;
        _underWay.Add(dead.Sequence);
    }

    private void Compare()
    {
        var counts = new int[4];
        long bytes = 0, readyBytes = 0;
        foreach (var message in _model.All)
        {
            counts[(int)message.State]++;
            bytes += message.Size;
            readyBytes += message.State == FeatureModel.State.Ready ? message.Size : 0;
        }

        Assert.Equal((counts[0], counts[1], counts[2], counts[3]), ((int)_machine.ReadyCount, _machine.DelayedCount, _machine.UnsettledCount, _machine.DeadCount));
        Assert.Equal(_model.NextDeadline, _machine.NextDeadline);
        Assert.True(_underWay.Count > 0 || _machine.DeadCount == 0, "dead letters wait for nothing");
        if (!_dropsUnread)
        {
            Assert.Equal((bytes, readyBytes), (_machine.SizeBytes, _machine.ReadyBytes));
        }

        if (_machine.Ledger is { } ledger)
        {
            Assert.InRange(_machine.LoadedBytes, 0, _profile.Limits.MaxLoadedBytes + 40);
            Assert.Equal(_model.All.Count, (int)ledger.Live.Count);
            foreach (var message in _model.All)
            {
                var isLive = ledger.Live.TryGet(message.Position, out var range);
                var count = message.DeliveryCount + (message.State == FeatureModel.State.Unsettled ? 1 : 0);
                Assert.True(isLive && range.DeliveryCount == count && range.Priority == message.Level, "the ledger has other messages");
            }
        }
    }
}
