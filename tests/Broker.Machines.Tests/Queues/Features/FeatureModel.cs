using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues.Features;

/// <summary>
/// What is in a queue with features, as simply as can be: one list, looked through from its beginning each time. Which consumer gets a message is up to the machine; that it is the right
/// message, and to somebody who may have it, is checked here. It knows nothing of disks and memory.
/// </summary>
internal sealed partial class FeatureModel(QueueSettings settings)
{
    private readonly List<Message> _messages = []; // in order of position
    private readonly SortedDictionary<long, Consumer> _consumers = [];
    private readonly Dictionary<string, long> _ids = []; // and until when each counts
    private readonly Dictionary<string, SortedDictionary<ulong, bool>> _producers = []; // by sequence, whether it was taken
    private ulong _lastPosition;

    internal enum State
    {
        Ready,
        Held,
        Unsettled,
        Dead,
    }

    internal sealed class Message(ulong position, FeatureMessage content, int level)
    {
        public ulong Position { get; } = position;

        public FeatureMessage Content { get; } = content;

        public int Level { get; } = level;

        public int DeliveryCount { get; set; }

        public State State { get; set; }

        public long Due { get; set; } // of one that is held back

        public bool Pauses { get; set; } // it is held back because it came back

        public long Consumer { get; set; } // of one that is unsettled

        public ulong Tag { get; set; }

        public HashSet<DeadLetterReason> Reasons { get; } = []; // of one that is dead; several may be true

        public ulong Sequence { get; set; } // once it is known

        public int Size => Content.Stored.SizeBytes;
    }

    private sealed class Consumer(bool noAck)
    {
        public bool NoAck { get; } = noAck;

        public long Credit { get; set; }

        public ulong LastTag { get; set; }
    }

    public QueueSettings Settings { get; set; } = settings;

    public bool Paused { get; set; }

    public long Now { get; set; }

    public IReadOnlyList<Message> All => _messages;

    /// <summary>Ready messages in the order in which they go.</summary>
    public IEnumerable<Message> Ready =>
        Settings.MaxPriority == 0 ? Of(State.Ready) : Of(State.Ready).OrderByDescending(m => m.Level); // the sort is stable

    public IEnumerable<Message> Of(State state) => _messages.Where(m => m.State == state);

    public bool IsTooLong => (Settings.MaxLength is not null || Settings.MaxLengthBytes is not null)
        && Of(State.Ready).ToList() is { Count: > 0 } ready && (ready.Count > Settings.MaxLength || ready.Sum(m => m.Size) > Settings.MaxLengthBytes);

    /// <summary>When something happens by itself.</summary>
    public long? NextDeadline
    {
        get
        {
            var next = long.MaxValue;
            foreach (var held in Of(State.Held))
            {
                next = Math.Min(next, held.Due);
            }

            foreach (var front in Fronts)
            {
                next = Math.Min(next, ExpiryOf(front));
            }

            return next == long.MaxValue ? null : next;
        }
    }

    /// <summary>The first ready message of each level.</summary>
    private IEnumerable<Message> Fronts
    {
        get
        {
            var seen = 0;
            foreach (var message in _messages)
            {
                if (message.State == State.Ready && (seen >> message.Level & 1) == 0)
                {
                    seen |= 1 << message.Level;
                    yield return message;
                }
            }
        }
    }

    private bool RefusedAreDeadLettered => Settings is { DeadLetters: true, Overflow: OverflowBehavior.RejectPublishDeadLetter };

    private bool HasCredit => !Paused && _consumers.Values.Any(c => c.Credit > 0);

    public ErrorCode? Subscribe(long id, bool noAck) => _consumers.TryAdd(id, new Consumer(noAck)) ? null : ErrorCode.ProtocolViolation;

    public void Grant(long id, long messages)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            consumer.Credit += messages;
        }
    }

    public ulong[] TagsOf(long consumer) => [.. Of(State.Unsettled).Where(m => m.Consumer == consumer).Select(m => m.Tag).Order()];

    /// <returns>Whether each is confirmed: it is in the queue, or was.</returns>
    public IReadOnlyList<bool> Publish(IReadOnlyList<FeatureMessage> messages, string? producer, IReadOnlyList<ulong> sequences)
    {
        if (producer is null)
        {
            var taken = Publish(messages);
            return [.. messages.Select((_, i) => i < taken)];
        }

        _producers.TryAdd(producer, []);
        var known = _producers[producer];
        var last = known.Where(k => k.Value).Select(k => k.Key).DefaultIfEmpty(0UL).Max();
        var repeated = sequences.TakeWhile(s => s <= last).Select(s => known[s]).ToList();
        var count = Publish([.. messages.Skip(repeated.Count)]);
        for (var i = repeated.Count; i < sequences.Count; i++)
        {
            known[sequences[i]] = i < repeated.Count + count || RefusedAreDeadLettered;
        }

        return [.. repeated, .. Enumerable.Range(0, messages.Count - repeated.Count).Select(i => i < count)];
    }

    /// <returns>How many of them are taken.</returns>
    private int Publish(IReadOnlyList<FeatureMessage> messages)
    {
        var credit = Paused ? 0 : _consumers.Values.Sum(c => c.Credit);
        var taken = 0; // by consumers, meanwhile
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            if (Settings.DeduplicationWindow is not null && message.Id is { } known && _ids.GetValueOrDefault(known) > Now)
            {
                continue;
            }

            if (Settings.Overflow != OverflowBehavior.DropHead && !HasRoom(message, taken))
            {
                taken = (int)Math.Min(credit, Ready.Count()); // they take what is there now
                if (!HasRoom(message, taken))
                {
                    RefuseFrom(messages, i);
                    return i;
                }
            }

            if (Settings.DeduplicationWindow is { } window && message.Id is { } id)
            {
                _ids[id] = Now + window;
            }

            var joined = Add(message);
            if (message.Delay > 0)
            {
                (joined.State, joined.Due) = (State.Held, Now + message.Delay);
            }
            else
            {
                BecomeReady(joined);
            }
        }

        return messages.Count;
    }

    public void Settle(long id, IReadOnlyCollection<ulong> tags, SettleOutcome outcome)
    {
        foreach (var message in Of(State.Unsettled).Where(m => m.Consumer == id && tags.Contains(m.Tag)).OrderBy(m => m.Tag).ToList())
        {
            message.DeliveryCount++;
            switch (outcome)
            {
                case SettleOutcome.Ack:
                    _messages.Remove(message);
                    break;
                case SettleOutcome.Reject:
                    Die(message, DeadLetterReason.Rejected);
                    break;
                default:
                    ComeBack(message);
                    break;
            }
        }

        Mend();
    }

    public void ConsumerGone(long id)
    {
        _consumers.Remove(id);
        Settle(id, TagsOf(id), SettleOutcome.Requeue);
    }

    public int Purge() => _messages.RemoveAll(m => m.State is State.Ready or State.Held);

    public void DeadLettered(ulong sequence) => Assert.Equal(1, _messages.RemoveAll(m => m.State == State.Dead && m.Sequence == sequence));

    /// <summary>What is due happens.</summary>
    public void Release()
    {
        foreach (var message in Of(State.Held).Where(m => m.Due <= Now).ToList())
        {
            message.Pauses = false;
            BecomeReady(message);
        }
    }

    public void Expire()
    {
        while (Fronts.FirstOrDefault(m => ExpiryOf(m) <= Now) is { } expired)
        {
            Die(expired, DeadLetterReason.Expired);
        }
    }

    public void DropOverflow()
    {
        while (Settings.Overflow == OverflowBehavior.DropHead && IsTooLong)
        {
            var first = Ready.First();
            Die(first, ExpiryOf(first) <= Now ? DeadLetterReason.Expired : DeadLetterReason.MaxLength);
        }
    }

    /// <summary>The process has ended, and another one goes on with what was on the disk.</summary>
    public void Restart()
    {
        _consumers.Clear();
        _broken.Clear();
        foreach (var message in Of(State.Unsettled).ToList())
        {
            message.DeliveryCount++;
            BecomeReady(message);
        }
    }

    private void RefuseFrom(IReadOnlyList<FeatureMessage> messages, int first)
    {
        for (var i = first; i < messages.Count && RefusedAreDeadLettered; i++)
        {
            Die(Add(messages[i]), DeadLetterReason.MaxLength);
        }
    }

    private bool HasRoom(FeatureMessage message, int taken)
    {
        var ready = Ready.Skip(taken).ToList();
        return !(ready.Count + 1 > Settings.MaxLength) && !(ready.Sum(m => m.Size) + message.Stored.SizeBytes > Settings.MaxLengthBytes);
    }

    private Message Add(FeatureMessage content)
    {
        var message = new Message(++_lastPosition, content, Math.Min(content.Stored.Meta.Priority, Settings.MaxPriority));
        _messages.Add(message);
        return message;
    }

    private void ComeBack(Message message)
    {
        if (message.DeliveryCount > Settings.DeliveryLimit)
        {
            Die(message, DeadLetterReason.DeliveryLimit);
            return;
        }

        if (Settings.RetryBackoff == RetryBackoff.None)
        {
            BecomeReady(message);
        }
        else
        {
            var pause = Settings.RetryBackoff == RetryBackoff.Linear ? Settings.RetryDelay * message.DeliveryCount : Settings.RetryDelay << (message.DeliveryCount - 1);
            (message.State, message.Due, message.Pauses) = (State.Held, Now + Math.Min(pause, Settings.RetryMaxDelay), true);
        }

        if (message.Content.Group is { } group)
        {
            _broken.Add(group);
        }
    }

    /// <summary>Where only the newest of a key stays, an older one leaves, whichever of the two becomes ready later.</summary>
    private void BecomeReady(Message message)
    {
        message.State = State.Ready;
        if (Settings.Conflate && message.Content.Group is { } key)
        {
            var rivals = Of(State.Ready).Where(m => m.Content.Group == key).ToList();
            rivals.SkipLast(1).ToList().ForEach(m => _messages.Remove(m));
        }
    }

    private void Die(Message message, DeadLetterReason reason)
    {
        if (!Settings.DeadLetters)
        {
            _messages.Remove(message);
            return;
        }

        message.Reasons.Add(reason);
        if (message.DeliveryCount > Settings.DeliveryLimit)
        {
            message.Reasons.Add(DeadLetterReason.DeliveryLimit); // one that has outlived a restart may die of either
        }

        message.State = State.Dead;
    }

    private long ExpiryOf(Message message)
    {
        var time = message.Content.Expiration is { } own ? Math.Min(own, Settings.MessageTtl ?? own) : Settings.MessageTtl;
        return time is { } t ? message.Content.Stored.Meta.TakenAt + message.Content.Delay + t : long.MaxValue;
    }
}
