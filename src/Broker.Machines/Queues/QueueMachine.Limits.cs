using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns messages that may not stay: because their time is over, or because there are too many.</summary>
public sealed partial class QueueMachine
{
    private (QueueEntry Entry, long Expiry)[]? _fronts; // by level: the first message that was seen there, without its bytes, and when it expires
    private ulong _lastExpiring; // the highest position with an expiration of its own
    private ulong _wantedFront; // to be read, because it is known only then whether the message may stay

    private bool HasLengthLimit => _settings.MaxLength is not null || _settings.MaxLengthBytes is not null;

    private bool IsTooLong => ReadyCount > 0 && (ReadyCount > _settings.MaxLength || ReadyBytes > _settings.MaxLengthBytes);

    /// <summary>Whether a message has come only now. Such a one is handed out if that is possible at once, however short its time is.</summary>
    private bool IsNew(ulong position) => position > _seenPosition || (_released is { Count: > 0 } && _released.Contains(position));

    /// <summary>Why a message is not to be handed out any more; <c>null</c>: it may be.</summary>
    private DeadLetterReason? CauseOfDeath(in QueueEntry entry)
    {
        if (entry.DeliveryCount > _settings.DeliveryLimit)
        {
            return DeadLetterReason.DeliveryLimit;
        }

        if ((_settings.MessageTtl is null && (entry.Message.Traits & MessageTraits.Special) == 0) || IsNew(entry.Position))
        {
            return null;
        }

        return ExpiryOf(entry.Message) <= _now ? DeadLetterReason.Expired : null;
    }

    /// <summary>When a message expires; it must be in memory.</summary>
    private long ExpiryOf(in StoredMessage message)
    {
        var facts = MessageFacts.Of(message, MessageFacts.Wanted.Expiration | (_settings.MessageTtl is null ? MessageFacts.Wanted.None : MessageFacts.Wanted.Delay));
        return (facts.Expiration is { } own ? Math.Min(own, _settings.MessageTtl ?? own) : _settings.MessageTtl) is { } time
            ? message.Meta.TakenAt + facts.Delay + time
            : long.MaxValue;
    }

    /// <summary>Takes out those messages at the front of each level whose time is over.</summary>
    private void ExpireFronts(bool spareNew)
    {
        _nextExpiry = long.MaxValue;
        if (_settings.MessageTtl is null && _lastExpiring == 0)
        {
            return;
        }

        _fronts ??= new (QueueEntry, long)[_ready.Highest + 1];
        for (var level = _ready.Highest; level >= 0; level--)
        {
            while (FrontAt(level, out var front, out var isPassedOver) is var result && result != TakeResult.Empty)
            {
                if (_fronts[level].Entry.Position != front.Position)
                {
                    if (isPassedOver && !front.Message.IsLoaded)
                    {
                        _ready.Return(TakeFront(level, front, isPassedOver)); // it is absent now, and may be read
                        continue;
                    }

                    if (result == TakeResult.Absent)
                    {
                        _wantedFront = _wantedFront == 0 && (_settings.MessageTtl is not null || front.Position <= _lastExpiring) ? front.Position : _wantedFront;
                        break;
                    }

                    _fronts[level] = (front with { Message = front.Message.WithoutBytes() }, ExpiryOf(front.Message));
                }

                var (known, expiry) = _fronts[level];
                if (expiry > _now || (spareNew && IsNew(front.Position)))
                {
                    _nextExpiry = Math.Min(_nextExpiry, expiry);
                    break;
                }

                var taken = TakeFront(level, front, isPassedOver);
                Die(result == TakeResult.Absent ? known with { DeliveryCount = taken.DeliveryCount } : taken, DeadLetterReason.Expired);
            }
        }
    }

    /// <summary>Takes out messages at the front for as long as there are too many; not before it is known whether another one has expired and makes room.</summary>
    private void DropOverflow()
    {
        if (!HasLengthLimit || _settings.Overflow != OverflowBehavior.DropHead || _deleted || _wantedFront > 0)
        {
            return;
        }

        var level = _ready.Highest;
        while (IsTooLong && level >= 0)
        {
            switch (FrontAt(level, out var front, out var isPassedOver))
            {
                case TakeResult.Taken:
                    var isOver = front.Message.IsLoaded && !IsNew(front.Position) && ExpiryOf(front.Message) <= _now;
                    Die(TakeFront(level, front, isPassedOver), isOver ? DeadLetterReason.Expired : DeadLetterReason.MaxLength);
                    break;
                case TakeResult.Absent when _settings.DeadLetters || _settings.MaxLengthBytes is not null || MayHandOut:
                    _wantedFront = front.Position; // its bytes are needed, or how many they are, or a consumer may have it
                    return;
                case TakeResult.Absent:
                    var bytes = ReadyBytes / ReadyCount; // nobody reads a message to throw it away: an average has to do
                    TakeFront(level, front, isPassedOver: false);
                    Rare.Overflowed++;
                    Rare.Dropped++;
                    Leave(front.Position, bytes);
                    break;
                default:
                    level--;
                    break;
            }
        }
    }

    /// <summary>The first message of a level, passed over or not; of one that is absent, only the position counts.</summary>
    private TakeResult FrontAt(int level, out QueueEntry front, out bool isPassedOver)
    {
        var result = TakeResult.Empty;
        front = _ready.At(level) is { } ready ? ready.Front(out result) : default;
        isPassedOver = false;
        if (_groups is { WaitingCount: > 0 } && _groups.TryFirst(level, out var passed) && (result == TakeResult.Empty || passed.Position < front.Position))
        {
            front = passed;
            isPassedOver = true;
            result = TakeResult.Taken;
        }

        return result;
    }

    private QueueEntry TakeFront(int level, in QueueEntry front, bool isPassedOver)
    {
        if (isPassedOver)
        {
            return _groups!.TakeWaiting(new QueuePlace(level, front.Position));
        }

        _ready.At(level)!.TakeFront(out var entry);
        return entry;
    }
}
