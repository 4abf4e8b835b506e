using System.Globalization;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>What becomes of a message that comes: it is ready or held back, or it is not taken, because it was before or because the queue is full.</summary>
public sealed partial class QueueMachine
{
    private MessageIdTable? _transientIds; // of a queue without a ledger
    private ulong _loggedExpiring;

    /// <summary>Whether some messages may not be taken.</summary>
    private bool IsSelective => _settings.DeduplicationWindow is not null || (HasLengthLimit && _settings.Overflow != OverflowBehavior.DropHead);

    private MessageFacts.Wanted WantedOnJoin =>
        MessageFacts.Wanted.Delay | MessageFacts.Wanted.Expiration | (_keys is null ? MessageFacts.Wanted.None : MessageFacts.Wanted.GroupKey);

    /// <summary>A message is in the queue from now on.</summary>
    private void Join(in StoredMessage message, ulong position)
    {
        var entry = new QueueEntry(position, message, DeliveryCount: 0);
        if (_settings.MaxPriority > 0 && _ledger is not null)
        {
            PriorityRange.Append(Unlogged.Priorities, position, _ready.LevelOf(message));
        }

        if ((message.Traits & MessageTraits.Special) == 0)
        {
            _ready.Append(entry);
            return;
        }

        var facts = MessageFacts.Of(message, WantedOnJoin);
        if (facts.Expiration is not null)
        {
            _lastExpiring = position;
        }

        if (_keys is not null && facts.GroupKey is { } key)
        {
            var keyed = new KeyedMessage(position, message.SizeBytes, key);
            _keys.Add(keyed);
            if (_ledger is not null)
            {
                Unlogged.Keyed.Add(keyed);
            }
        }

        if (facts.Delay > 0 && message.Meta.TakenAt + facts.Delay is var due && due > _now)
        {
            Hold(entry, due, group: "");
        }
        else
        {
            IsNewestOfKey(position); // nothing that is ready is newer
            _ready.Append(entry);
        }
    }

    /// <summary>Takes a batch in message by message, in order: the first that the queue has no room for ends it.</summary>
    private void AppendSelected(PublisherId publisher, long batchId, ReadOnlyMemory<StoredMessage> messages, in ProducerBatch producer, int before, List<BatchRefusal>? refused)
    {
        var accepted = 0;
        while (accepted < messages.Length)
        {
            var message = messages.Span[accepted];
            var id = _settings.DeduplicationWindow is null ? null : MessageFacts.Of(message, MessageFacts.Wanted.MessageId).MessageId;
            if (id is not null && IsKnown(id))
            {
                Rare.Duplicates++;
                accepted++;
                continue;
            }

            if (!HasRoomFor(message))
            {
                break;
            }

            Remember(id);
            Join(message, ++_lastPosition);
            _intake.Join(messages.Slice(accepted, 1));
            _enqueued++;
            accepted++;
        }

        var areDeadLettered = accepted < messages.Length && _settings is { Overflow: OverflowBehavior.RejectPublishDeadLetter, DeadLetters: true };
        _intake.MarkTaken(producer, before, areDeadLettered ? messages.Length : accepted); // who did not hear of the refusal sends again, and must not have it dead-lettered twice
        if (accepted < messages.Length)
        {
            (refused ??= []).Add(new BatchRefusal(before + accepted, messages.Length - accepted, FullFault()));
            if (areDeadLettered)
            {
                JoinDead(messages[accepted..]);
            }
            else
            {
                _intake.MarkRefused(producer, before + accepted);
            }
        }

        Answer(publisher, batchId, refused);
    }

    /// <summary>Messages that are refused and dead-lettered join as dead ones: only so are they on the disk until they are at their new place.</summary>
    private void JoinDead(ReadOnlyMemory<StoredMessage> messages)
    {
        _intake.Join(messages);
        foreach (ref readonly var message in messages.Span)
        {
            AddDead(new QueueEntry(++_lastPosition, message, DeliveryCount: 0), DeadLetterReason.MaxLength, "");
        }
    }

    /// <summary>Whether a message may join a queue that refuses what is too much. What consumers can take now makes room.</summary>
    private bool HasRoomFor(in StoredMessage message)
    {
        if (!HasLengthLimit || _settings.Overflow == OverflowBehavior.DropHead || IsWithinLimits(message))
        {
            return true;
        }

        HandOutByCredit();
        return IsWithinLimits(message);
    }

    private bool IsWithinLimits(in StoredMessage message) =>
        !(ReadyCount + 1 > _settings.MaxLength) && !(ReadyBytes + message.SizeBytes > _settings.MaxLengthBytes);

    private FrameFault FullFault()
    {
        var limits = new List<string>(2);
        if (_settings.MaxLength is { } length)
        {
            limits.Add(string.Create(CultureInfo.InvariantCulture, $"{ReadyCount} of at most {length} ready message(s)"));
        }

        if (_settings.MaxLengthBytes is { } bytes)
        {
            limits.Add(string.Create(CultureInfo.InvariantCulture, $"{ReadyBytes} of at most {bytes} bytes"));
        }

        return new FrameFault(ErrorCode.ResourceExhausted, $"the queue is full and refuses what it has no room for: it has {string.Join(" and ", limits)}");
    }

    private bool IsKnown(string id) => _ledger is null
        ? _transientIds is not null && _transientIds.Has(id, _now)
        : (_unlogged is not null && _unlogged.KnownIds.Contains(id)) || _ledger.Ids.Has(id, _now);

    private void Remember(string? id)
    {
        if (id is null)
        {
            return;
        }

        if (_ledger is null)
        {
            (_transientIds ??= new MessageIdTable()).Add(IdsNow([id]));
        }
        else
        {
            Unlogged.Ids.Add(id);
            Unlogged.KnownIds.Add(id);
        }
    }

    private MessageIds IdsNow(IReadOnlyList<string> ids) => new(_now, _settings.DeduplicationWindow ?? 1, _settings.DeduplicationSize, ids);
}
