using System.Buffers;
using System.Text;
using Broker.Actors.Access;
using Broker.Actors.Connections;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Protocol.Bbq;
using Broker.Transport;

namespace Broker.Actors.Bbq;

/// <summary>
/// One <c>bbq</c> stream: one publish, confirmed with one byte, or one message consumed, settled by one byte. The protocol has no words for errors: the stream is
/// reset with the code that <c>broker/1</c> has for it.
/// </summary>
internal sealed class BbqStreamActor : StreamActor
{
    private readonly VhostScope _scope;
    private readonly PublishStreamMachine _publisher;
    private readonly PartialFrame _partial = new();
    private readonly List<PublishBatch> _batches = [];
    private readonly List<SequenceRange> _confirmed = [];
    private readonly List<PublishOutcome> _outcomes = [];
    private State _state = State.Request;
    private int _unanswered;
    private LocalQueue? _queue;
    private Delivery? _delivery;
    private bool _deliveryWritten;

    public BbqStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, VhostScope scope)
        : base(stream, node, status)
    {
        _scope = scope;
        _publisher = new PublishStreamMachine(
            node.Routes, node.Limits.Publisher with { MaxMessageBytes = node.Limits.MaxMessageBytes }, scope.Vhost, node.NextSeed(), scope);
    }

    private enum State
    {
        Request,
        Publishing,
        Consuming,
        Settling,
        Done,
    }

    protected override void PostStop()
    {
        _partial.Dispose();
        Node.Memory.Forget(Self);
        base.PostStop();
    }

    protected override SequencePosition HandleInput(in ReadOnlySequence<byte> buffer, bool ended)
    {
        switch (_state)
        {
            case State.Request:
                var status = BbqFraming.TryRead(
                    buffer, Node.Limits.MaxMessageBytes + ProtocolLimits.FrameOverheadBytes, _partial, out var payload, out var consumed, out var fault);
                if (status == FrameReadStatus.Frame)
                {
                    HandleRequest(payload);
                    if (_state == State.Consuming && !buffer.Slice(consumed).IsEmpty)
                    {
                        Abort((long)ErrorCode.ProtocolViolation); // an acknowledgement of what has not been delivered
                    }
                }
                else if (status == FrameReadStatus.Fault || ended)
                {
                    Abort((long)(status == FrameReadStatus.Fault ? fault.Code : ErrorCode.ProtocolViolation));
                }

                return consumed;
            case State.Consuming when !buffer.IsEmpty:
                HandleAck(buffer.FirstSpan.IsEmpty ? buffer.ToArray()[0] : buffer.FirstSpan[0]);
                return buffer.End;
            default:
                return buffer.End; // FIN, or bytes that mean nothing any more
        }
    }

    /// <summary>A client that ends its side early still gets its confirm; one that consumes has nothing left to acknowledge with.</summary>
    protected override void HandleInputEnded()
    {
        if (_state == State.Consuming)
        {
            Context.Stop(Self); // the queue sees it and takes the message back
        }
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case PublisherSignal.Answered m:
                HandleAnswered(m.Fault);
                break;
            case PublisherSignal.Parked m:
                Status.BlockedBy = $"queue '{EntityName.LocalOf(m.Batch.Queue)}' {m.Reason}";
                break;
            case MemoryGate.Opened:
                SendBatches();
                break;
            case ConsumerSignal.Subscribed { Fault: { } fault }:
                Abort((long)fault.Code);
                break;
            case ConsumerSignal.Deliver m:
                _delivery = m.Deliveries[0]; // the credit is one message
                _queue!.Actor.Tell(new QueueMessage.CancelSubscription(), Self);
                break;
            case ConsumerSignal.Settled { Fault: { } fault }:
                Abort((long)fault.Code);
                break;
            case ConsumerSignal.Refused m when _state != State.Done:
                Abort((long)m.Fault.Code);
                break;
            case ConsumerSignal.Settled:
                _state = State.Done;
                EndOutput();
                break;
            case ConsumerSignal.QueueGone when _state != State.Done:
                Abort((long)ErrorCode.QueueDeleted);
                break;
            case Terminated when _state != State.Done:
                Abort((long)(_queue is null ? CodeOf(_batches) : Node.QueueGone(_queue.Name).Code));
                break;
            case ConsumerSignal or Terminated:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void WriteOutput()
    {
        if (_delivery is { } delivery && !_deliveryWritten)
        {
            _deliveryWritten = true;
            if (MessageView.TryParse(delivery.Entry.Message.Bytes.Span, out var view, out _))
            {
                BbqDelivery.Write(Output, view.Body);
                MarkWritten();
            }
        }
    }

    private void HandleRequest(ReadOnlySpan<byte> payload)
    {
        if (!BbqRequest.TryRead(payload, out var request, out var fault))
        {
            Abort((long)fault.Code);
        }
        else if (request.Kind == BbqRequestKind.Publish)
        {
            Publish(request);
        }
        else
        {
            Consume(Encoding.UTF8.GetString(request.Queue));
        }
    }

    private void Publish(in BbqRequest request)
    {
        _state = State.Publishing;
        var exchange = Encoding.UTF8.GetString(request.Exchange);
        var key = Encoding.UTF8.GetString(request.RoutingKey);
        Status.Subject = $"publish {exchange}/{key}";
        var message = new ArrayBufferWriter<byte>(MessageWriter.Size(exchange, key, null, request.Message.Length));
        MessageWriter.Write(message, exchange, key, null, request.Message);
        _publisher.HandleOpen();
        _publisher.BeginRead(message.WrittenCount, Node.Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
        if (_publisher.HandlePublish(1, mandatory: false, durable: true, message.WrittenSpan) is { } fault)
        {
            Abort((long)fault.Code);
            return;
        }

        Status.SetMessages(1);
        _publisher.TakeBatches(_batches);
        _unanswered = _batches.Count;
        if (Node.Memory.IsClosed && Node.Memory.TryWait(Self))
        {
            Status.BlockedBy = "the node's memory limit is reached";
        }
        else
        {
            SendBatches();
        }
    }

    private void SendBatches()
    {
        Status.BlockedBy = null;
        foreach (var batch in _batches)
        {
            if (!Node.TryGetTarget(batch.Queue, out var target))
            {
                Abort((long)Node.QueueGone(batch.Queue).Code);
                return;
            }

            Context.Watch(target);
            target.Tell(new QueueMessage.Enqueue(batch), Self);
        }

        if (_unanswered == 0)
        {
            Confirm();
        }
    }

    /// <summary>That all queues are still there, but one is moving, or that one is not.</summary>
    private ErrorCode CodeOf(List<PublishBatch> batches) =>
        batches.TrueForAll(b => Node.QueueGone(b.Queue).Code == ErrorCode.Unavailable) ? ErrorCode.Unavailable : ErrorCode.QueueDeleted;

    private void HandleAnswered(FrameFault? fault)
    {
        Status.BlockedBy = null;
        if (fault is { } reason)
        {
            Abort((long)reason.Code);
        }
        else if (--_unanswered == 0)
        {
            Confirm();
        }
    }

    private void Confirm()
    {
        _publisher.TakeOutcomes(_confirmed, _outcomes);
        if (_outcomes.Count > 0)
        {
            Abort((long)_outcomes[0].Fault.Code); // no such exchange, or too large
            return;
        }

        _state = State.Done;
        Output.Write([(byte)BbqConfirm.Ack]);
        EndOutput();
    }

    private void Consume(string local)
    {
        _state = State.Consuming;
        Status.Subject = $"consume {local}";
        if (_scope.Access.ReadQueue(local) is { } refusal)
        {
            Abort((long)refusal.Code);
            return;
        }

        var name = _scope.Entity(local);
        if (!Node.Queues.TryGet(name, out _queue))
        {
            Abort((long)ErrorCode.NotFound);
            return;
        }

        if (!_queue.IsAvailable)
        {
            Abort((long)Node.QueueGone(name).Code);
            return;
        }

        Context.Watch(_queue.Actor);
        _queue.Actor.Tell(new QueueMessage.Subscribe(Exclusive: false, NoAck: false, int.MaxValue), Self);
        _queue.Actor.Tell(new QueueMessage.Grant(Messages: 1, Bytes: Node.Limits.MaxMessageBytes), Self);
    }

    private void HandleAck(byte value)
    {
        if (_delivery is not { } delivery || !_deliveryWritten || value > (byte)BbqAck.Reject)
        {
            Abort((long)ErrorCode.ProtocolViolation); // the queue takes the message back
            return;
        }

        _state = State.Settling;
        var outcome = (BbqAck)value switch
        {
            BbqAck.Ack => SettleOutcome.Ack,
            BbqAck.Nack => SettleOutcome.Requeue,
            _ => SettleOutcome.Reject,
        };
        Status.SetMessages(1);
        _queue!.Actor.Tell(new QueueMessage.Settle([new SequenceRange(delivery.Tag, delivery.Tag)], outcome), Self);
    }
}
