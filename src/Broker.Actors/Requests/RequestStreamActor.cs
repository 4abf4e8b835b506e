using Broker.Actors.Connections;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Actors.Topology;
using Broker.Machines;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Requests;

/// <summary>
/// One request stream: topology and single messages. Requests are carried out and answered one after the other; a request that fails is answered with
/// REQUEST_ERROR and the stream goes on.
/// </summary>
internal sealed class RequestStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, int maxMessageBytes)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxControlFrameBytes)
{
    private readonly GetDeliveries _deliveries = new();
    private Pending? _pending;
    private Action? _answer;
    private long _handled;

    /// <summary>The request under way.</summary>
    private sealed record Pending(ulong RequestId, FrameType Type, LocalQueue? Queue = null, bool NoAck = false);

    protected override bool MayHandleFrames => !OwesOutput;

    protected override bool OwesOutput => _pending is not null || _answer is not null;

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        Status.SetMessages(++_handled);
        FrameFault fault;
        switch (type)
        {
            case FrameType.DeclareExchange:
                return DeclareExchangeFrame.TryRead(payload, out var declareExchange, out fault) ? Handle(declareExchange) : fault;
            case FrameType.DeleteExchange:
                return DeleteExchangeFrame.TryRead(payload, out var deleteExchange, out fault)
                    ? AskTopology(type, deleteExchange.RequestId, new TopologyRequest.DeleteExchange(deleteExchange.Name, deleteExchange.Flags.HasFlag(DeleteExchangeFlags.IfUnused)))
                    : fault;
            case FrameType.DeclareQueue:
                return DeclareQueueFrame.TryRead(payload, out var declareQueue, out fault) ? Handle(declareQueue) : fault;
            case FrameType.DeleteQueue:
                return DeleteQueueFrame.TryRead(payload, out var deleteQueue, out fault)
                    ? AskTopology(
                        type,
                        deleteQueue.RequestId,
                        new TopologyRequest.DeleteQueue(
                            deleteQueue.Name, deleteQueue.Flags.HasFlag(DeleteQueueFlags.IfUnused), deleteQueue.Flags.HasFlag(DeleteQueueFlags.IfEmpty)))
                    : fault;
            case FrameType.PurgeQueue:
                return PurgeQueueFrame.TryRead(payload, out var purge, out fault)
                    ? AskQueue(type, purge.RequestId, purge.Name, new QueueMessage.Purge())
                    : fault;
            case FrameType.Bind:
                return BindFrame.TryRead(payload, out var bind, out fault)
                    ? HandleBinding(type, bind.RequestId, bind.DestinationKind, new Binding(bind.Exchange, bind.Destination, bind.RoutingKey), bind.Arguments)
                    : fault;
            case FrameType.Unbind:
                return UnbindFrame.TryRead(payload, out var unbind, out fault)
                    ? HandleBinding(type, unbind.RequestId, unbind.DestinationKind, new Binding(unbind.Exchange, unbind.Destination, unbind.RoutingKey), unbind.Arguments)
                    : fault;
            case FrameType.Get:
                return GetFrame.TryRead(payload, out var get, out fault)
                    ? AskQueue(type, get.RequestId, get.Queue, new QueueMessage.Get(get.Flags.HasFlag(GetFlags.NoAck), maxMessageBytes), get.Flags.HasFlag(GetFlags.NoAck))
                    : fault;
            case FrameType.Settle:
                return HandleSettle(payload);
            default:
                return Unexpected(type, StreamKind.Request);
        }
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case TopologyReply m when _pending is { } pending:
                Answer(pending, m);
                break;
            case QueueReply.Purged { Fault: { } fault } when _pending is { } pending:
                Refuse(pending.RequestId, fault);
                break;
            case QueueReply.Purged m when _pending is { } pending:
                Answer(() => new CountOkFrame(pending.RequestId, (ulong)m.MessageCount).Write(Output));
                break;
            case QueueReply.Got m when _pending is { } pending:
                Answer(pending, m);
                break;
            case ConsumerSignal.Settled { Fault: { } fault }:
                Fail(fault);
                break;
            case ConsumerSignal.Settled or ConsumerSignal.QueueGone or ConsumerSignal.Refused:
                break;
            case Terminated m:
                if (_pending is { Queue: { } queue } waiting && queue.Actor == m.Actor)
                {
                    var gone = Node.QueueGone(queue.Name);
                    Refuse(waiting.RequestId, gone.Code == ErrorCode.QueueDeleted ? TopologyMachine.NoQueue(queue.Name) : gone);
                }

                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void WriteFrames()
    {
        if (_answer is { } answer)
        {
            _answer = null;
            answer();
            MarkWritten();
        }
    }

    private FrameFault? Handle(DeclareExchangeFrame frame)
    {
        const DeclareExchangeFlags Unsupported = DeclareExchangeFlags.AutoDelete | DeclareExchangeFlags.Internal;
        var refused = RefuseUnsupported(frame.RequestId, (frame.Flags & Unsupported) != 0 ? $"{frame.Flags & Unsupported} exchanges" : null, frame.Arguments);
        return refused ? null : AskTopology(
            FrameType.DeclareExchange,
            frame.RequestId,
            new TopologyRequest.DeclareExchange(
                frame.Name, frame.Type, frame.Flags.HasFlag(DeclareExchangeFlags.Durable), frame.Flags.HasFlag(DeclareExchangeFlags.Passive)));
    }

    private FrameFault? Handle(DeclareQueueFrame frame)
    {
        const DeclareQueueFlags Unsupported = DeclareQueueFlags.AutoDelete | DeclareQueueFlags.Exclusive;
        var refused = RefuseUnsupported(frame.RequestId, (frame.Flags & Unsupported) != 0 ? $"{frame.Flags & Unsupported} queues" : null, frame.Arguments);
        return refused ? null : AskTopology(
            FrameType.DeclareQueue,
            frame.RequestId,
            new TopologyRequest.DeclareQueue(frame.Name, frame.Flags.HasFlag(DeclareQueueFlags.Durable), frame.Flags.HasFlag(DeclareQueueFlags.Passive)));
    }

    private FrameFault? HandleBinding(FrameType type, ulong requestId, DestinationKind kind, Binding binding, FieldTable arguments)
    {
        if (RefuseUnsupported(requestId, kind == DestinationKind.Exchange ? "bindings between exchanges" : null, arguments))
        {
            return null;
        }

        return AskTopology(type, requestId, type == FrameType.Bind ? new TopologyRequest.Bind(binding) : new TopologyRequest.Unbind(binding));
    }

    private FrameFault? HandleSettle(ReadOnlySpan<byte> payload)
    {
        var ranges = new List<SequenceRange>();
        if (!SettleFrame.TryRead(payload, out var outcome, ranges, out var reason, out var fault))
        {
            return fault;
        }

        if (!_deliveries.TryTake(ranges, out var settlements, out fault))
        {
            return fault;
        }

        foreach (var (queue, tag) in settlements)
        {
            queue.Tell(new QueueMessage.Settle([new SequenceRange(tag, tag)], outcome, Reason: reason), Self);
        }

        return null;
    }

    private FrameFault? AskTopology(FrameType type, ulong requestId, TopologyRequest request)
    {
        _pending = new Pending(requestId, type);
        Node.Topology.Tell(request, Self);
        return null;
    }

    private FrameFault? AskQueue(FrameType type, ulong requestId, string name, QueueMessage message, bool noAck = false)
    {
        if (!Node.Queues.TryGet(name, out var queue))
        {
            Refuse(requestId, TopologyMachine.NoQueue(name));
            return null;
        }

        if (!queue.IsAvailable)
        {
            Refuse(requestId, Node.QueueGone(name));
            return null;
        }

        _pending = new Pending(requestId, type, queue, noAck);
        Context.Watch(queue.Actor);
        queue.Actor.Tell(message, Self);
        return null;
    }

    /// <summary>Declares something that this version cannot keep: said so, instead of promised.</summary>
    private bool RefuseUnsupported(ulong requestId, string? what, FieldTable arguments)
    {
        if (what is null && arguments.Count > 0)
        {
            what = $"the argument '{arguments[0].Key}'";
        }

        if (what is null)
        {
            return false;
        }

        Refuse(requestId, new FrameFault(ErrorCode.InvalidArgument, $"this version does not support {what}"));
        return true;
    }

    private void Answer(Pending pending, TopologyReply reply)
    {
        if (reply.Fault is { } fault)
        {
            Refuse(pending.RequestId, fault);
            return;
        }

        Answer(() =>
        {
            switch (pending.Type)
            {
                case FrameType.DeclareQueue:
                    new QueueOkFrame(pending.RequestId, reply.Name, (ulong)reply.Messages, (ulong)reply.Consumers, Node.LeaderAddressOf(reply.Name)).Write(Output);
                    break;
                case FrameType.DeleteQueue:
                    new CountOkFrame(pending.RequestId, (ulong)reply.Messages).Write(Output);
                    break;
                default:
                    new OkFrame(pending.RequestId).Write(Output);
                    break;
            }
        });
    }

    private void Answer(Pending pending, QueueReply.Got reply)
    {
        if (reply.Fault is { } fault)
        {
            Refuse(pending.RequestId, fault);
            return;
        }

        if (reply.Delivery is not { } delivery)
        {
            Answer(() => new GetEmptyFrame(pending.RequestId).Write(Output));
            return;
        }

        Invariant.That(pending.Queue is not null, "a message comes from the queue that was asked");
        var tag = pending.NoAck ? _deliveries.Skip() : _deliveries.Add(pending.Queue.Actor, delivery.Tag);
        var message = delivery.Entry.Message;
        Answer(() => GetOkFrame.Write(Output, pending.RequestId, tag, delivery.WireFlags(), (ulong)delivery.Entry.DeliveryCount, (ulong)reply.Remaining, message.Bytes.Span));
    }

    private void Refuse(ulong requestId, FrameFault fault) => Answer(() => new RequestErrorFrame(requestId, fault.Code, fault.Reason).Write(Output));

    private void Answer(Action write)
    {
        _pending = null;
        _answer = write; // written with the next output: a flush may be under way
    }
}
