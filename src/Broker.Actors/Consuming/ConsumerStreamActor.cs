using System.Runtime.InteropServices;
using Broker.Actors.Access;
using Broker.Actors.Connections;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Consuming;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Consuming;

/// <summary>
/// One consume stream: a subscription to one queue. It asks the queue for no more than the client has credit for and the QUIC stream takes, so a client that stops
/// reading costs its window and holds up nobody.
/// </summary>
internal sealed partial class ConsumerStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, VhostScope scope, int maxMessageBytes)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxControlFrameBytes)
{
    private readonly ConsumerCredit _credit = new(node.Limits.ConsumerWindowMessages, node.Limits.ConsumerWindowBytes);
    private readonly Queue<Delivery> _outbox = new();
    private readonly Queue<IReadOnlyList<SequenceRange>> _settling = new(); // told to the queue and not answered, in order
    private readonly List<SequenceRange> _settled = [];
    private State _state = State.Opened;
    private LocalQueue? _queue;
    private bool _subscribing;
    private bool _noAck;
    private bool _confirmSettles;
    private string? _subscribedTag;
    private FrameFault? _cancelled;
    private FrameFault? _moved; // the queue is somewhere else now
    private int _pendingRanges;
    private long _delivered;
    private long _writtenMessages;
    private long _writtenBytes;

    private enum State
    {
        /// <summary>Waits for SUBSCRIBE.</summary>
        Opened,

        /// <summary>The queue has been asked, or has agreed.</summary>
        Subscribed,

        /// <summary>CANCEL has come; the queue's last deliveries may still.</summary>
        Cancelling,

        /// <summary>FIN has come; what was settled before it is still to be carried out, and what the queue has sent to be written.</summary>
        Draining,

        /// <summary>CANCELLED is on its way; only settlements may follow.</summary>
        Cancelled,

        /// <summary>The queue is gone; settlements have nothing to act on.</summary>
        QueueGone,
    }

    protected override bool MayHandleFrames => _pendingRanges < Node.Limits.MaxPendingSettleRanges;

    protected override bool OwesOutput => _subscribing || _state is State.Cancelling or State.Draining || _settling.Count > 0;

    protected override void PostStop()
    {
        LeaveReplyTo();
        base.PostStop();
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        FrameFault fault;
        if (_state == State.Opened && (type is FrameType.Credit or FrameType.Settle or FrameType.Cancel))
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "a consume stream starts with SUBSCRIBE");
        }

        switch (type)
        {
            case FrameType.Subscribe:
                return SubscribeFrame.TryRead(payload, out var subscribe, out fault) ? HandleSubscribe(subscribe) : fault;
            case FrameType.Credit:
                if (!CreditFrame.TryRead(payload, out var credit, out fault))
                {
                    return fault;
                }

                _credit.HandleCredit(credit.Messages, credit.Bytes);
                return null;
            case FrameType.Settle when _noAck:
                return new FrameFault(ErrorCode.ProtocolViolation, "SETTLE on a subscription with no-ack; its messages were settled when they were sent");
            case FrameType.Settle:
                var ranges = new List<SequenceRange>();
                if (!SettleFrame.TryRead(payload, out var outcome, ranges, out var reason, out fault))
                {
                    return fault;
                }

                HandleSettle(outcome, ranges, reason);
                return null;
            case FrameType.Cancel:
                return CancelFrame.TryRead(payload, out _, out fault) ? HandleCancel() : fault;
            default:
                return Unexpected(type, StreamKind.Consume);
        }
    }

    /// <summary>No more is delivered to a client that has ended its side; its settlements take effect, the rest goes back when the stream has ended.</summary>
    protected override void HandleInputEnded()
    {
        base.HandleInputEnded();
        Context.Timers.StartSingle(StreamSignal.ClosingTimeout, StreamSignal.ClosingTimeout, Node.Limits.ClosingTimeout); // or what is unsettled would wait for a client that does not read
        if (_state == State.Subscribed)
        {
            _state = State.Draining;
            _queue?.Actor.Tell(new QueueMessage.CancelSubscription(), Self); // there is none yet while an address is claimed
        }
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case ConsumerSignal.Deliver m:
                HandleDeliver(m.Deliveries);
                break;
            case ConsumerSignal.Settled m:
                HandleSettled(m.Fault);
                break;
            case ConsumerSignal.Subscribed { Fault: { } subscribeFault }:
                _subscribing = false;
                _state = State.Cancelled; // the queue may end before this is written, and has no more to say
                Fail(subscribeFault);
                break;
            case ConsumerSignal.Subscribed:
                _subscribing = false;
                _subscribedTag = Status.Subject;
                break;
            case ConsumerSignal.CancelDone when _state == State.Cancelling:
                _state = State.Cancelled;
                _cancelled = new FrameFault(ErrorCode.NoError, "");
                break;
            case ConsumerSignal.CancelDone when _state == State.Draining:
                _state = State.Cancelled; // and not a word about it: nobody asked
                break;
            case ConsumerSignal.Refused m when _state is State.Subscribed or State.Cancelling:
                _state = State.Cancelled;
                _cancelled = m.Fault;
                break;
            case ConsumerSignal.Refused:
                break; // nothing was to follow anyway
            case ConsumerSignal.QueueGone:
                HandleQueueGone(new FrameFault(ErrorCode.QueueDeleted, $"queue '{EntityName.LocalOf(_queue!.Name)}' was deleted"));
                break;
            case Terminated:
                HandleQueueGone(Node.QueueGone(_queue!.Name));
                while (_settling.Count > 0)
                {
                    HandleSettled(_moved); // null: went to a queue that was gone, as they may
                }

                break;
            case ConsumerSignal.CancelDone:
                break; // the queue went first
            case Claimed m:
                HandleClaimed(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        base.AfterBatch();
        if (_state == State.Subscribed && _queue is not null && !IsClosing && _credit.TryTakeGrant(out var messages, out var bytes))
        {
            _queue.Actor.Tell(new QueueMessage.Grant(messages, bytes), Self);
        }
    }

    protected override void WriteFrames()
    {
        if (_subscribedTag is not null)
        {
            new SubscribedFrame(_subscribedTag).Write(Output);
            _subscribedTag = null;
            MarkWritten();
        }

        while (_outbox.TryDequeue(out var delivery))
        {
            var message = delivery.Entry.Message;
            DeliverFrame.Write(Output, delivery.Tag, delivery.WireFlags(), (ulong)delivery.Entry.DeliveryCount, message.Bytes.Span);
            _writtenMessages++;
            _writtenBytes += message.SizeBytes;
            MarkWritten();
        }

        if (_settled.Count > 0)
        {
            WriteSettled();
        }

        if (_cancelled is { } cancelled)
        {
            new CancelledFrame(cancelled.Code, cancelled.Reason).Write(Output);
            _cancelled = null;
            MarkWritten();
        }
    }

    protected override void HandleFlushed()
    {
        _credit.HandleFlushed(_writtenMessages, _writtenBytes);
        _writtenMessages = _writtenBytes = 0;
    }

    private void HandleSettle(SettleOutcome outcome, List<SequenceRange> ranges, string reason)
    {
        if (_moved is { } moved)
        {
            Fail(moved); // it goes back to the queue, and will be delivered again
        }
        else if (_state != State.QueueGone)
        {
            _pendingRanges += ranges.Count;
            _settling.Enqueue(ranges);
            _queue!.Actor.Tell(new QueueMessage.Settle(ranges, outcome, Certain: _confirmSettles, reason), Self);
        }
        else if (_confirmSettles)
        {
            _settled.AddRange(ranges); // they went with the queue, whatever the client decided
        }
    }

    private void HandleSettled(FrameFault? fault)
    {
        var ranges = _settling.Dequeue();
        _pendingRanges -= ranges.Count;
        if (fault is { } settleFault)
        {
            Fail(settleFault);
        }
        else if (_confirmSettles)
        {
            _settled.AddRange(ranges);
        }
    }

    private FrameFault? HandleCancel()
    {
        LeaveReplyTo();
        if (_state == State.Subscribed)
        {
            _state = State.Cancelling;
            _queue?.Actor.Tell(new QueueMessage.CancelSubscription(), Self); // there is none yet while an address is claimed
        }

        return null; // a second CANCEL, or one that crossed with the queue's end, asks for what is done already
    }

    private void HandleDeliver(IReadOnlyList<Delivery> deliveries)
    {
        long bytes = 0;
        for (var i = 0; i < deliveries.Count; i++)
        {
            var delivery = deliveries[i];
            bytes += delivery.Entry.Message.SizeBytes;
            _outbox.Enqueue(delivery);
        }

        _credit.HandleDelivered(deliveries.Count, bytes);
        _delivered += deliveries.Count;
        Status.SetMessages(_delivered);
    }

    private void HandleQueueGone(FrameFault fault)
    {
        if (_subscribing && _state != State.Draining)
        {
            Fail(fault); // what was never confirmed is refused, not cancelled
        }
        else if (_state is State.Subscribed or State.Cancelling)
        {
            _cancelled = fault;
        }

        if (fault.Code == ErrorCode.Unavailable && _state != State.QueueGone)
        {
            _moved = fault;
        }

        _state = State.QueueGone;
        _subscribing = false;
    }

    private void WriteSettled()
    {
        // Ranges of several SETTLE frames, in the order in which they were settled: each frame takes an ascending run.
        var ranges = CollectionsMarshal.AsSpan(_settled);
        var start = 0;
        for (var i = 1; i <= ranges.Length; i++)
        {
            if (i == ranges.Length || i - start == ProtocolLimits.MaxRanges || ranges[i].First <= ranges[i - 1].Last + 1)
            {
                SettledFrame.Write(Output, ranges[start..i]);
                start = i;
            }
        }

        _settled.Clear();
        MarkWritten();
    }
}
