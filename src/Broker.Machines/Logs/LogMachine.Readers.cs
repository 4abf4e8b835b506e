using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Logs;

public sealed partial class LogMachine
{
    /// <inheritdoc/>
    public FrameFault? HandleSubscribe(ConsumerId id, SubscribeTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        if (_deleted)
        {
            return new FrameFault(ErrorCode.NotFound, "the log was deleted");
        }

        if (_readers.ContainsKey(id))
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "a stream subscribes once");
        }

        if (terms.Exclusive && ConsumerCount > 0)
        {
            return new FrameFault(ErrorCode.ResourceLocked, $"the log has {ConsumerCount} reader(s); an exclusive one must be the only one");
        }

        if (_readers.Values.Any(r => r.Exclusive && r.Subscribed))
        {
            return new FrameFault(ErrorCode.ResourceLocked, "the log has an exclusive reader");
        }

        var reader = new LogReader(id, terms.Filter, terms.NoAck, terms.Exclusive, terms.MaxMessageBytes);
        var start = terms.Start ?? new LogStart(LogStartKind.Next);
        switch (start.Kind)
        {
            case LogStartKind.First:
                reader.Cursor = _first;
                break;
            case LogStartKind.Last:
                reader.Cursor = Math.Max(_first, _last);
                break;
            case LogStartKind.Offset:
                reader.Cursor = (ulong)start.Value + 1; // one that is still to come is waited for
                break;
            case LogStartKind.Time:
                (reader.Cursor, reader.SeekEnd, reader.SeekTime) = (_first, _last + 1, start.Value);
                break;
            default:
                reader.Cursor = _last + 1;
                break;
        }

        _readers.Add(id, reader);
        ConsumerCount++;
        return null;
    }

    /// <inheritdoc/>
    public void HandleGrant(ConsumerId id, long messages, long bytes)
    {
        if (_readers.TryGetValue(id, out var reader))
        {
            reader.CreditMessages += messages;
            reader.CreditBytes += bytes;
            ServeNext(reader);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Nothing depends on it but what the reader is sent next: the messages stay. One cannot be put back.</remarks>
    public FrameFault? HandleSettle(ConsumerId id, IReadOnlyList<SequenceRange> ranges, SettleOutcome outcome, string reason = "")
    {
        ArgumentNullException.ThrowIfNull(ranges);
        if (_deleted)
        {
            return null;
        }

        if (outcome == SettleOutcome.Requeue)
        {
            return new FrameFault(ErrorCode.PreconditionFailed, "messages of a log stay where they are and cannot be put back; subscribe again at their offset");
        }

        if (!_readers.TryGetValue(id, out var reader))
        {
            return new FrameFault(ErrorCode.UnknownDeliveryTag, "nothing was delivered here");
        }

        for (var i = 0; i < ranges.Count; i++)
        {
            if ((i > 0 && ranges[i].First <= ranges[i - 1].Last) || !reader.Unsettled.Holds(ranges[i]))
            {
                return new FrameFault(
                    ErrorCode.UnknownDeliveryTag,
                    $"delivery tags {ranges[i].First} to {ranges[i].Last} are not all unsettled; each tag is settled once, by the stream that got it");
            }
        }

        foreach (var range in ranges)
        {
            reader.Unsettled.Remove(range);
            _acknowledged += (long)(range.Last - range.First + 1);
        }

        return null;
    }

    /// <inheritdoc/>
    public void HandleCancel(ConsumerId id)
    {
        if (_readers.TryGetValue(id, out var reader) && reader.Subscribed)
        {
            reader.Subscribed = false;
            ConsumerCount--;
            _atEnd.Remove(reader);
            _forLoad.Remove(reader);
        }
    }

    /// <inheritdoc/>
    public void HandleConsumerGone(ConsumerId id)
    {
        HandleCancel(id);
        _readers.Remove(id);
    }

    /// <inheritdoc/>
    /// <remarks>A log is read by subscribing to it.</remarks>
    public FrameFault? CheckNext(int maxMessageBytes, ConsumerId id = default) =>
        new FrameFault(ErrorCode.PreconditionFailed, "it is a log; subscribe to it, with an offset, instead of taking single messages");

    /// <inheritdoc/>
    public GetResult HandleGet(ConsumerId id, bool noAck, out Delivery delivery)
    {
        delivery = default;
        return GetResult.Empty;
    }
}
