using Broker.Machines.Ledgers;
using Broker.Machines.Logs;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Tests.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Logs;

/// <summary>Runs a log with a disk beside it, and notes what each reader gets.</summary>
internal sealed class LogRun
{
    private readonly QueueLimits _limits;
    private readonly bool _durable;
    private readonly Dictionary<long, List<ulong>> _got = [];
    private readonly List<(QueueRecord Record, int Count)> _records = [];
    private readonly QueueLedger _follower = new(); // who applies the same records
    private QueueDisk _disk = new();
    private QueueSettings _settings;
    private QueueEffect.Load? _load;
    private long _lastBatch;

    public LogRun(QueueLimits? limits = null, QueueSettings? settings = null, bool durable = true)
    {
        _limits = limits ?? new QueueLimits();
        _settings = settings ?? QueueSettings.Plain;
        _durable = durable;
        Machine = new LogMachine(_limits, durable ? new QueueLedger() : null, _settings);
    }

    public LogMachine Machine { get; private set; }

    public long Now { get; private set; }

    /// <summary>All messages that were ever taken, by position.</summary>
    public List<StoredMessage> Taken { get; } = [];

    public List<QueueEffect> Others { get; } = [];

    public IReadOnlyList<ulong> OffsetsOf(long reader) => _got.GetValueOrDefault(reader) ?? [];

    public void Advance(long milliseconds)
    {
        Now += milliseconds;
        Machine.HandleTime(Now, Now);
        Dispatch();
    }

    public void Publish(int count, int sizeBytes = 10, string? filterValue = null)
    {
        var messages = Enumerable.Range(0, count).Select(_ => MessageOf(sizeBytes, filterValue)).ToArray();
        Taken.AddRange(messages);
        Machine.HandleEnqueue(new PublisherId(1), ++_lastBatch, messages);
        Dispatch();
    }

    public FrameFault? Subscribe(long reader, LogStart start, LogFilter? filter = null, bool noAck = true)
    {
        var fault = Machine.HandleSubscribe(new ConsumerId(reader), new SubscribeTerms(Exclusive: false, noAck) { Start = start, Filter = filter });
        Dispatch();
        return fault;
    }

    public void Grant(long reader, long messages, long bytes = 1_000_000)
    {
        Machine.HandleGrant(new ConsumerId(reader), messages, bytes);
        Dispatch();
    }

    public void Set(QueueSettings settings)
    {
        _settings = settings;
        Machine.HandleSettings(settings);
        Dispatch();
    }

    /// <summary>Everything that was logged is on the disk.</summary>
    public void Commit()
    {
        if (Machine.Ledger is { } ledger)
        {
            _disk.CertainIndex = ledger.LastIndex;
            Machine.HandleCertain(ledger.LastIndex);
        }

        Dispatch();
    }

    /// <summary>Reads what was asked for, if it can be.</summary>
    public bool Read()
    {
        if (_load is not { } load || !_disk.TryRead(load, out var messages, out var last))
        {
            return false;
        }

        _load = null;
        Machine.HandleLoaded(messages, load.Position, last);
        Dispatch();
        return true;
    }

    /// <summary>Commits and reads until nothing more happens.</summary>
    public void Finish()
    {
        Commit();
        while (Read())
        {
        }
    }

    /// <summary>Goes down with what was not committed, and starts from what the records say. Readers are gone.</summary>
    public void Restart()
    {
        Assert.True(_durable);
        Commit();
        AssertFollowed();
        var ledger = new QueueLedger();
        _records.ForEach(r => ledger.Apply(r.Record, r.Count));
        Machine = new LogMachine(_limits, ledger, _settings, Now);
        _load = null;
        Dispatch();
    }

    public void Dispatch()
    {
        Machine.Dispatch();
        if (Machine.TakeRecord() is { } record)
        {
            _disk.Append(Machine.Ledger!.LastIndex, record);
            var logged = QueueRecordCodec.Decode(QueueRecordCodec.Encode(record).Span, record.FirstPosition, record.MessageBytes);
            _records.Add((logged, record.Messages.Length));
            _follower.Apply(logged, record.Messages.Length);
        }

        while (Machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case QueueEffect.Deliver e:
                    Note(e);
                    break;
                case QueueEffect.Load e:
                    Assert.Null(_load);
                    _load = e;
                    break;
                case QueueEffect.Accepted:
                    break;
                default:
                    Others.Add(effect);
                    break;
            }
        }
    }

    public void AssertFollowed()
    {
        if (Machine.Ledger is { } ledger)
        {
            Assert.Equal(Ledgers.LedgerText.ContentOf(ledger), Ledgers.LedgerText.ContentOf(_follower));
        }
    }

    private void Note(QueueEffect.Deliver effect)
    {
        if (!_got.TryGetValue(effect.Consumer.Value, out var got))
        {
            _got.Add(effect.Consumer.Value, got = []);
        }

        foreach (var delivery in effect.Deliveries)
        {
            got.Add(delivery.Entry.Position - 1);
            Assert.Equal(Taken[(int)delivery.Entry.Position - 1], delivery.Entry.Message);
        }
    }

    private StoredMessage MessageOf(int sizeBytes, string? filterValue) => filterValue is null
        ? new StoredMessage(TestMessages.Encoded("", "", $"{Taken.Count}".PadRight(sizeBytes)), new MessageMeta(MessageTraits.None, takenAt: Now))
        : new StoredMessage(
            TestMessages.Encoded("", "", $"{Taken.Count}", new MessageProperties { Headers = FieldTable.Of((LogFilter.DefaultHeader, FieldValue.From(filterValue))) }),
            new MessageMeta(MessageTraits.None, takenAt: Now));
}
