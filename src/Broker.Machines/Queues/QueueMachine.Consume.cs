using Broker.Machines.Ledgers;
using Broker.Protocol;

namespace Broker.Machines.Queues;

public sealed partial class QueueMachine
{
    private long _heldBytes; // of messages that consumers hold and that are in memory

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

        if (_consumers.ContainsKey(id))
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "a stream subscribes once");
        }

        if (exclusive && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.ResourceLocked, $"the queue has {ConsumerCount} consumer(s); an exclusive one must be the only one");
        }

        if (_consumers.Values.Any(c => c.Exclusive && c.Subscribed))
        {
            return new FrameFault(ErrorCode.ResourceLocked, "the queue has an exclusive consumer");
        }

        _consumers.Add(id, new QueueConsumer(id, noAck, exclusive, subscribed: true, maxMessageBytes));
        ConsumerCount++;
        return null;
    }

    /// <summary>Lets a consumer have more.</summary>
    public void HandleGrant(ConsumerId id, long messages, long bytes)
    {
        if (_consumers.TryGetValue(id, out var consumer))
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

        if (!_consumers.TryGetValue(id, out var consumer))
        {
            return new FrameFault(ErrorCode.UnknownDeliveryTag, "nothing was delivered here");
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
                Settle(consumer.Unsettled.Remove(tag), outcome);
            }
        }

        return null;
    }

    /// <summary>Ends a subscription; what the consumer holds stays its own until settled or until it is gone.</summary>
    public void HandleCancel(ConsumerId id)
    {
        if (_consumers.TryGetValue(id, out var consumer) && consumer.Subscribed)
        {
            consumer.Subscribed = false;
            ConsumerCount--;
            if (consumer.Turn.List is not null)
            {
                _rotation.Remove(consumer.Turn); // now: an idle queue may see many come and go before it deals out the next message
            }
        }
    }

    /// <summary>The consumer's stream has ended: what it holds goes back to its old places, counted as delivered.</summary>
    public void HandleConsumerGone(ConsumerId id)
    {
        if (_consumers.TryGetValue(id, out var consumer))
        {
            HandleCancel(id);
            _consumers.Remove(id);
            foreach (var delivery in consumer.Unsettled.All())
            {
                Settle(delivery.Entry, SettleOutcome.Requeue);
            }
        }
    }

    /// <summary>Whether the next message is small enough for a client.</summary>
    /// <returns><c>null</c> if it is, if there is none, or if that is not known before it was read; otherwise what to tell the client.</returns>
    public FrameFault? CheckNext(int maxMessageBytes) => _ready.NextSizeBytes <= maxMessageBytes
        ? null
        : new FrameFault(ErrorCode.MessageTooLarge, $"the next message has {_ready.NextSizeBytes} bytes; this client takes {maxMessageBytes}, as it said in HELLO");

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

        switch (_ready.TryTake(out var entry))
        {
            case TakeResult.Taken:
                break;
            case TakeResult.Absent:
                _wanted = true;
                return GetResult.Later;
            default:
                return GetResult.Empty;
        }

        if (!_consumers.TryGetValue(id, out var consumer))
        {
            consumer = new QueueConsumer(id, noAck: false, exclusive: false, subscribed: false, int.MaxValue);
            _consumers.Add(id, consumer);
        }

        delivery = HandOut(consumer, entry, noAck);
        return GetResult.Message;
    }

    /// <summary>Those who are subscribed, in the order in which they came.</summary>
    public IEnumerable<ConsumerId> Consumers => _consumers.Values.Where(c => c.Subscribed).Select(c => c.Id).OrderBy(c => c.Value);

    private void Settle(in QueueEntry entry, SettleOutcome outcome)
    {
        _unsettledCount--;
        _unsettledBytes -= entry.Message.SizeBytes;
        if (entry.Message.IsLoaded)
        {
            _heldBytes -= entry.Message.SizeBytes;
        }

        switch (outcome)
        {
            case SettleOutcome.Ack:
                _acknowledged++;
                Leave(entry);
                break;
            case SettleOutcome.Reject:
                _rejected++;
                Leave(entry);
                break;
            case SettleOutcome.Requeue:
                _requeued++;
                _ready.Return(entry with { DeliveryCount = entry.DeliveryCount + 1 });
                break;
            default:
                throw new InvariantViolationException($"settle outcome {outcome}");
        }
    }

    /// <summary>The message is no longer in the queue.</summary>
    private void Leave(in QueueEntry entry)
    {
        if (_ledger is not null)
        {
            PositionRange.Append(_settled, entry.Position);
            _settledBytes += entry.Message.SizeBytes;
        }
    }
}
