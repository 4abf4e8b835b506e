using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>What concerns groups of messages: all of a group go to one consumer, until it has settled what it holds of it.</summary>
public sealed partial class QueueMachine
{
    private const int MaxPassedOver = 10_000;
    private bool _mayPassOverMore; // once a message leaves that was passed over
    private ulong _stalledAt; // the next message, which nobody may have, when no more may be passed over

    /// <summary>Messages that are ready and were passed over, because another consumer works on their group.</summary>
    public int PassedOverCount => _groups?.WaitingCount ?? 0;

    private bool MayPassOver => PassedOverCount < Math.Min(MaxPassedOver, _limits.MaxLoadedMessages / 2);

    private void HandOutByGroup(ConsumerRotation rotation)
    {
        _stalledAt = 0;
        while (rotation.First is { } consumer && _unsettledCount < _limits.MaxUnsettledMessages)
        {
            if (TryTakeByGroup(consumer, out var entry, out var group) != TakeResult.Taken)
            {
                rotation.Remove(consumer); // others may find something
                ConsumersMade.Idle.Add(consumer);
            }
            else if (entry.Message.SizeBytes > consumer.MaxMessageBytes)
            {
                _ready.Return(entry);
                Refuse(consumer, entry.Message.SizeBytes);
            }
            else
            {
                Give(consumer, entry, group);
                if (_mayPassOverMore)
                {
                    RotateIdle();
                }
            }
        }

        RotateIdle();
    }

    private void RotateIdle()
    {
        _mayPassOverMore = false;
        if (_consumers is not { Idle: var idle })
        {
            return;
        }

        foreach (var consumer in idle)
        {
            Rotate(consumer);
        }

        idle.Clear();
    }

    /// <summary>Takes the next message that a consumer may have, and passes over those that it may not.</summary>
    private TakeResult TryTakeByGroup(QueueConsumer consumer, out QueueEntry entry, out string? group)
    {
        group = null;
        while (true)
        {
            ref readonly var front = ref _ready.Front(out var result);
            if (_groups!.TryFindFor(consumer, out var place, out var found)
                && (result == TakeResult.Empty || place.CompareTo(new QueuePlace(_ready.TopLevel, front.Position)) < 0))
            {
                group = found.Key;
                entry = _groups.TakeWaiting(place);
                if (!entry.Message.IsLoaded)
                {
                    _ready.Return(entry); // it is the next message now, and absent
                    continue;
                }

                if (CauseOfDeath(entry) is { } cause)
                {
                    Die(entry, cause);
                    continue;
                }

                return TakeResult.Taken;
            }

            entry = default;
            if (result != TakeResult.Taken)
            {
                return result;
            }

            if (CauseOfDeath(front) is { } death)
            {
                _ready.TryTake(out entry);
                Die(entry, death);
                continue;
            }

            group = GroupOf(front.Message);
            if (group is null || _groups.MayTake(group, consumer))
            {
                return _ready.TryTake(out entry);
            }

            if (!MayPassOver)
            {
                _mayPassOverMore = true;
                _stalledAt = front.Position;
                return TakeResult.Empty;
            }

            var level = _ready.TopLevel;
            _ready.TryTake(out var passed);
            _groups.Wait(group, level, passed);
        }
    }

    /// <summary>Messages that were passed over are ready like all others again; the next dispatch passes them over once more.</summary>
    private void ReturnWaiting()
    {
        if (_groups is { WaitingCount: > 0 })
        {
            foreach (var entry in _groups.TakeAllWaiting())
            {
                _ready.Return(entry);
            }
        }
    }

    private static string? GroupOf(in StoredMessage message) => MessageFacts.Of(message, MessageFacts.Wanted.GroupKey).GroupKey;
}
