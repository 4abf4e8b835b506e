using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>What concerns time: when something is due, consumers that hold messages for too long, and a queue that nobody uses.</summary>
public sealed partial class QueueMachine
{
    private HashSet<ulong>? _released; // messages whose time has come in this dispatch
    private QueueSettings _settings;
    private long _now;
    private long _uptime;
    private long _nextExpiry = long.MaxValue;
    private long _nextOverdue = long.MaxValue; // no consumer holds a message for too long before; of the clock that is never set, like the next
    private long _lastUsed;
    private bool _unusedTold;
    private bool _hadConsumer;
    private bool? _pauseChange; // since the last record

    /// <summary>How the queue behaves.</summary>
    public QueueSettings Settings => _settings;

    /// <summary>When something is due that no call brings about, in milliseconds since the Unix epoch: call <see cref="HandleTime"/> then. <c>null</c>: nothing is.</summary>
    /// <remarks>It holds after <see cref="Dispatch"/>. Now and then nothing turns out to be due.</remarks>
    public long? NextDeadline
    {
        get
        {
            var next = Math.Min(_nextExpiry, _delayed?.NextDue ?? long.MaxValue);
            return _deleted || next == long.MaxValue ? null : next;
        }
    }

    /// <summary>The same for what concerns this process only, in milliseconds of the clock that is never set: consumers that hold messages for too long, and a queue that nobody uses.</summary>
    public long? NextTimeout
    {
        get
        {
            var next = _settings.ConsumerTimeout is null ? long.MaxValue : _nextOverdue;
            if (_settings.Expires is { } expires && ConsumerCount == 0 && !_unusedTold)
            {
                next = Math.Min(next, _lastUsed + expires);
            }

            return _deleted || next == long.MaxValue ? null : next;
        }
    }

    /// <summary>Whether the queue hands out nothing, by an operator's wish. Messages are taken in all the same.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>How far apart deliveries to a consumer may be that count as made at the time of the last of them.</summary>
    private long Grain => _settings.ConsumerTimeout is { } timeout ? Math.Clamp(timeout / 32, 1, 1_000) : 1_000;

    /// <summary>Tells the time: before other calls, and when <see cref="NextDeadline"/> or <see cref="NextTimeout"/> has come. What is due happens with the next <see cref="Dispatch"/>.</summary>
    /// <param name="now">Milliseconds since the Unix epoch. May be before the last: the clock was set back.</param>
    /// <param name="uptime">Milliseconds of a clock that is never set, from any beginning.</param>
    public void HandleTime(long now, long uptime) => (_now, _uptime) = (now, uptime);

    /// <summary>The queue is to behave differently from now on. What only a declaration can say stays as it is.</summary>
    public void HandleSettings(QueueSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings.KeepDeclared(_settings);
        _fronts = null;
        _nextOverdue = 0; // the next dispatch looks at all consumers
        _unusedTold = false;
    }

    /// <summary>Hands out nothing from now on, or goes on.</summary>
    public void HandlePause(bool pause)
    {
        if (pause != IsPaused)
        {
            IsPaused = pause;
            _pauseChange = pause;
        }
    }

    /// <summary>The queue was declared again: it counts as used.</summary>
    public void HandleUsed() => MarkUsed();

    private void MarkUsed()
    {
        _lastUsed = _uptime;
        _unusedTold = false;
    }

    private void TellIfUnused()
    {
        if (ConsumerCount > 0)
        {
            return;
        }

        if (_settings.AutoDelete && _hadConsumer)
        {
            _hadConsumer = false; // once, until another one has come and gone
            Add(new QueueEffect.Unused("its last consumer has gone"));
        }
        else if (_settings.Expires is { } expires && !_unusedTold && _uptime - _lastUsed >= expires)
        {
            _unusedTold = true;
            Add(new QueueEffect.Unused($"nobody has used it for {expires} ms"));
        }
    }

    private void NoteHolding(QueueConsumer consumer, ulong tag)
    {
        consumer.Times.Add(tag, consumer.Unsettled.OldestTag, _uptime, Grain);
        if (consumer.IsSubscriber && _settings.ConsumerTimeout is { } timeout)
        {
            _nextOverdue = Math.Min(_nextOverdue, _uptime + timeout);
        }
    }

    private void EndOverdue()
    {
        if (_uptime < _nextOverdue || _settings.ConsumerTimeout is not { } timeout)
        {
            return;
        }

        _nextOverdue = long.MaxValue;
        foreach (var consumer in KnownConsumers.Where(c => c.IsSubscriber && c.Unsettled.Count > 0).OrderBy(c => c.Order).ToList())
        {
            var since = consumer.Times.Since(consumer.Unsettled.OldestTag);
            if (_uptime - since >= timeout)
            {
                EndOverdue(consumer, _uptime - since, timeout);
            }
            else
            {
                _nextOverdue = Math.Min(_nextOverdue, since + timeout);
            }
        }
    }

    private void EndOverdue(QueueConsumer consumer, long heldFor, long timeout)
    {
        if (consumer.Outbox is not null)
        {
            _consumers!.WithOutbox.Remove(consumer); // what was to go out in this dispatch goes back like the rest
            consumer.Outbox = null;
        }

        if (consumer.Subscribed)
        {
            HandleCancel(consumer.Id);
            Add(new QueueEffect.ConsumerRefused(consumer.Id, new FrameFault(
                ErrorCode.PreconditionFailed,
                $"a message was held unsettled for {heldFor} ms, and the queue allows {timeout} ms; settle sooner, ask for less at a time, or raise x-consumer-timeout")));
        }

        consumer.IsOverdue = true;
        foreach (var delivery in consumer.Unsettled.All().ToList())
        {
            Settle(consumer.Unsettled.Remove(delivery.Tag), SettleOutcome.Requeue, "");
        }
    }
}
