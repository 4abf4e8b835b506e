using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Ledgers;
using Broker.Machines.Logs;
using Broker.Protocol;

namespace Broker.Machines.Queues;

public sealed partial class QueueMachine
{
    private long _heldBytes; // of messages that consumers hold and that are in memory
    private long _lastOrder;
    private QueueConsumer? _active;

    /// <summary>The consumer that gets all messages, where only one does; <c>null</c> if there is none.</summary>
    public ConsumerId? ActiveConsumer => _active?.Id;

    /// <inheritdoc/>
    public FrameFault? HandleSubscribe(ConsumerId id, SubscribeTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        var forLogs = terms.Start is not null ? LogStart.Argument : terms.Filter is not null ? LogFilter.ValuesArgument : null;
        return forLogs is null
            ? HandleSubscribe(id, terms.Exclusive, terms.NoAck, terms.MaxMessageBytes, terms.Priority)
            : new FrameFault(ErrorCode.InvalidArgument, $"argument '{forLogs}' is for logs, and this is a queue; leave it out");
    }

    /// <summary>Adds a consumer, without credit. One that has subscribed or taken messages here before is refused until it is gone.</summary>
    /// <param name="id">The consumer.</param>
    /// <param name="exclusive">No other may consume.</param>
    /// <param name="noAck">Deliveries are settled as they leave.</param>
    /// <param name="maxMessageBytes">The largest message that it takes. When a larger one is its turn, its subscription ends, and the message stays for others.</param>
    /// <param name="priority">Those with a higher one get messages first, as long as they have credit.</param>
    /// <returns><c>null</c>, or why it is refused.</returns>
    public FrameFault? HandleSubscribe(ConsumerId id, bool exclusive, bool noAck, int maxMessageBytes = int.MaxValue, int priority = 0)
    {
        if (_deleted)
        {
            return new FrameFault(ErrorCode.NotFound, "the queue was deleted");
        }

        if (TryFind(id, out _))
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "a stream subscribes once");
        }

        if (exclusive && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.ResourceLocked, $"the queue has {ConsumerCount} consumer(s); an exclusive one must be the only one");
        }

        if (KnownConsumers.Any(c => c.Exclusive && c.Subscribed))
        {
            return new FrameFault(ErrorCode.ResourceLocked, "the queue has an exclusive consumer");
        }

        ConsumersMade.ById.Add(id, new QueueConsumer(id, noAck, exclusive, subscribed: true, maxMessageBytes, priority, ++_lastOrder));
        ConsumerCount++;
        _hadConsumer = true;
        MarkUsed();
        ChooseActive();
        return null;
    }

    /// <summary>Lets a consumer have more.</summary>
    public void HandleGrant(ConsumerId id, long messages, long bytes)
    {
        if (TryFind(id, out var consumer))
        {
            consumer.CreditMessages += messages;
            consumer.CreditBytes += bytes;
            Rotate(consumer);
        }
    }

    /// <summary>Settles deliveries. All or nothing: with one unknown or repeated tag, nothing is settled.</summary>
    /// <param name="id">The consumer.</param>
    /// <param name="ranges">Delivery tags.</param>
    /// <param name="outcome">The same for all.</param>
    /// <param name="reason">Of a rejection: what the dead letter is to say.</param>
    /// <returns><c>null</c>, or what is wrong with the ranges.</returns>
    public FrameFault? HandleSettle(ConsumerId id, IReadOnlyList<SequenceRange> ranges, SettleOutcome outcome, string reason = "")
    {
        if (_deleted)
        {
            return null; // what the consumer held went with the queue
        }

        if (!TryFind(id, out var consumer))
        {
            return new FrameFault(ErrorCode.UnknownDeliveryTag, "nothing was delivered here");
        }

        if (consumer.IsOverdue)
        {
            return null; // it does not know yet that what it held went back
        }

        for (var i = 0; i < ranges.Count; i++)
        {
            if ((i > 0 && ranges[i].First <= ranges[i - 1].Last) || !consumer.Unsettled.Holds(ranges[i]))
            {
                return new FrameFault(
                    ErrorCode.UnknownDeliveryTag,
                    $"delivery tags {ranges[i].First} to {ranges[i].Last} are not all unsettled; each tag is settled once, by the stream that got it");
            }
        }

        for (var i = 0; i < ranges.Count; i++)
        {
            for (var tag = ranges[i].First; tag <= ranges[i].Last; tag++)
            {
                Settle(consumer.Unsettled.Remove(tag), outcome, reason);
            }
        }

        return null;
    }

    /// <summary>Ends a subscription; what the consumer holds stays its own until settled or until it is gone.</summary>
    public void HandleCancel(ConsumerId id)
    {
        if (TryFind(id, out var consumer) && consumer.Subscribed)
        {
            consumer.Subscribed = false;
            ConsumerCount--;
            MarkUsed();
            if (consumer.Turn.List is not null)
            {
                _consumers!.Rotation.Remove(consumer); // now: an idle queue may see many come and go before it deals out the next message
            }

            if (consumer == _active)
            {
                _active = null;
                ChooseActive();
            }
        }
    }

    /// <summary>The consumer's stream has ended: what it holds goes back to its old places, counted as delivered.</summary>
    public void HandleConsumerGone(ConsumerId id)
    {
        if (TryFind(id, out var consumer))
        {
            HandleCancel(id);
            _consumers!.ById.Remove(id);
            foreach (var delivery in consumer.Unsettled.All())
            {
                Settle(delivery.Entry, SettleOutcome.Requeue, "");
            }
        }
    }

    /// <summary>Whether the next message is small enough for a client.</summary>
    /// <param name="maxMessageBytes">The largest message that the client takes.</param>
    /// <param name="id">Who asks, where it matters which message is next for whom.</param>
    /// <returns><c>null</c> if it is, if there is none, or if that is not known before it was read; otherwise what to tell the client.</returns>
    public FrameFault? CheckNext(int maxMessageBytes, ConsumerId id = default)
    {
        int size;
        if (_groups is null)
        {
            size = FrontToHandOut(out var result) is var front && result == TakeResult.Taken ? front.Message.SizeBytes : 0;
        }
        else if (TryTakeByGroup(TakerOf(id), out var entry, out _) == TakeResult.Taken)
        {
            size = entry.Message.SizeBytes;
            _ready.Return(entry);
        }
        else
        {
            size = 0;
        }

        return size <= maxMessageBytes ? null : TooLarge(size, maxMessageBytes);
    }

    /// <summary>Takes one message without a subscription.</summary>
    /// <param name="id">Who takes it.</param>
    /// <param name="noAck">It is settled as it leaves.</param>
    /// <param name="delivery">The message, if there is one.</param>
    public GetResult HandleGet(ConsumerId id, bool noAck, out Delivery delivery)
    {
        delivery = default;
        if (_deleted)
        {
            return GetResult.Empty;
        }

        MarkUsed();
        if (IsPaused)
        {
            return GetResult.Empty;
        }

        var consumer = TakerOf(id);
        switch (TryTakeFor(consumer, out var entry, out var group))
        {
            case TakeResult.Taken:
                break;
            case TakeResult.Absent:
                _wanted = true;
                return GetResult.Later;
            default:
                return GetResult.Empty;
        }

        ConsumersMade.ById.TryAdd(id, consumer);
        delivery = HandOut(consumer, entry, noAck, group);
        return GetResult.Message;
    }

    private IEnumerable<QueueConsumer> KnownConsumers => _consumers is null ? [] : _consumers.ById.Values;

    private bool TryFind(ConsumerId id, [MaybeNullWhen(false)] out QueueConsumer consumer)
    {
        consumer = null;
        return _consumers is not null && _consumers.ById.TryGetValue(id, out consumer);
    }

    private static FrameFault TooLarge(int size, int max) =>
        new(ErrorCode.MessageTooLarge, $"the next message has {size} bytes; this client takes {max}, as it said in HELLO");

    private QueueConsumer TakerOf(ConsumerId id) =>
        TryFind(id, out var consumer) ? consumer : new QueueConsumer(id, noAck: false, exclusive: false, subscribed: false, int.MaxValue);

    /// <summary>Those who are subscribed, in the order in which they came.</summary>
    public IEnumerable<ConsumerId> Consumers => KnownConsumers.Where(c => c.Subscribed).Select(c => c.Id).OrderBy(c => c.Value);

    /// <summary>Where only one consumer gets messages, and there is none: the one with the highest priority, and of those the one that came first, takes its place.</summary>
    private void ChooseActive()
    {
        if (_settings.SingleActiveConsumer && _active is null)
        {
            _active = KnownConsumers.Where(c => c.Subscribed).OrderByDescending(c => c.Priority).ThenBy(c => c.Order).FirstOrDefault();
            if (_active is not null)
            {
                Rotate(_active);
            }
        }
    }

    private void Settle(in QueueEntry entry, SettleOutcome outcome, string reason)
    {
        _unsettledCount--;
        _unsettledBytes -= entry.Message.SizeBytes;
        if (entry.Message.IsLoaded)
        {
            _heldBytes -= entry.Message.SizeBytes;
        }

        var group = _groups?.Settle(entry.Position, comesBack: outcome == SettleOutcome.Requeue) ?? "";
        switch (outcome)
        {
            case SettleOutcome.Ack:
                _acknowledged++;
                Leave(entry);
                break;
            case SettleOutcome.Reject:
                Rare.Rejected++;
                Die(entry with { DeliveryCount = entry.DeliveryCount + 1 }, DeadLetterReason.Rejected, reason);
                break;
            case SettleOutcome.Requeue:
                _requeued++;
                ComeBack(entry with { DeliveryCount = entry.DeliveryCount + 1 }, group);
                break;
            default:
                throw new InvariantViolationException($"settle outcome {outcome}");
        }
    }

    /// <summary>The message is no longer in the queue.</summary>
    private void Leave(in QueueEntry entry) => Leave(entry.Position, entry.Message.SizeBytes);

    private void Leave(ulong position, long bytes)
    {
        _keys?.Remove(position);
        if (_ledger is not null)
        {
            PositionRange.Append(Unlogged.Settled, position);
            _settledBytes += bytes;
        }
    }
}
