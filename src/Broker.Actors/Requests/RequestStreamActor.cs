using Broker.Actors.Access;
using Broker.Actors.Connections;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Actors.Topology;
using Broker.Machines;
using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Requests;

/// <summary>
/// One request stream: topology and single messages. Requests are carried out and answered one after the other; a request that fails is answered with
/// REQUEST_ERROR and the stream goes on.
/// </summary>
/// <param name="stream">The stream.</param>
/// <param name="node">The node.</param>
/// <param name="status">Its figures.</param>
/// <param name="scope">The connection's vhost, in which all names are, and what it may do there.</param>
/// <param name="maxMessageBytes">What the client takes.</param>
/// <param name="asker">The connection, as owner of exclusive queues.</param>
internal sealed class RequestStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, VhostScope scope, int maxMessageBytes, string asker)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxControlFrameBytes)
{
    private readonly GetDeliveries _deliveries = new();
    private Pending? _pending;
    private Action? _answer;
    private long _handled;

    /// <summary>An address is nobody's any more, or why it is.</summary>
    private sealed record Released(string Name, FrameFault? Fault);

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
                    ? AskTopology(type, deleteExchange.RequestId, new TopologyRequest.DeleteExchange(IdOf(deleteExchange.Name), deleteExchange.Flags.HasFlag(DeleteExchangeFlags.IfUnused)))
                    : fault;
            case FrameType.DeclareQueue:
                return DeclareQueueFrame.TryRead(payload, out var declareQueue, out fault) ? Handle(declareQueue) : fault;
            case FrameType.DeleteQueue:
                return DeleteQueueFrame.TryRead(payload, out var deleteQueue, out fault) ? Handle(deleteQueue) : fault;
            case FrameType.PurgeQueue:
                return PurgeQueueFrame.TryRead(payload, out var purge, out fault)
                    ? AskQueue(type, purge.RequestId, purge.Name, new QueueMessage.Purge())
                    : fault;
            case FrameType.Bind:
                return BindFrame.TryRead(payload, out var bind, out fault)
                    ? AskTopology(type, bind.RequestId, new TopologyRequest.Bind(BindingOf(bind.Exchange, bind.Destination, bind.RoutingKey, bind.DestinationKind, bind.Arguments)))
                    : fault;
            case FrameType.Unbind:
                return UnbindFrame.TryRead(payload, out var unbind, out fault)
                    ? AskTopology(
                        type, unbind.RequestId, new TopologyRequest.Unbind(BindingOf(unbind.Exchange, unbind.Destination, unbind.RoutingKey, unbind.DestinationKind, unbind.Arguments)))
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
            case Released m when _pending is { } pending:
                HandleReleased(pending.RequestId, m);
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
        var (durable, passive) = (frame.Flags.HasFlag(DeclareExchangeFlags.Durable), frame.Flags.HasFlag(DeclareExchangeFlags.Passive));
        return AskTopology(FrameType.DeclareExchange, frame.RequestId, new TopologyRequest.DeclareExchange(IdOf(frame.Name), frame.Type, durable, passive)
        {
            AutoDelete = frame.Flags.HasFlag(DeclareExchangeFlags.AutoDelete),
            Internal = frame.Flags.HasFlag(DeclareExchangeFlags.Internal),
            Arguments = frame.Arguments,
        });
    }

    private FrameFault? Handle(DeclareQueueFrame frame)
    {
        var (durable, passive) = (frame.Flags.HasFlag(DeclareQueueFlags.Durable), frame.Flags.HasFlag(DeclareQueueFlags.Passive));
        if (passive && Node.Inboxes.TryGet(IdOf(frame.Name), out _))
        {
            Answer(() => new QueueOkFrame(frame.RequestId, frame.Name, 0, 1, "").Write(Output)); // whether who has asked waits still
            return null;
        }

        return AskTopology(FrameType.DeclareQueue, frame.RequestId, new TopologyRequest.DeclareQueue(IdOf(frame.Name), durable, passive)
        {
            AutoDelete = frame.Flags.HasFlag(DeclareQueueFlags.AutoDelete),
            Exclusive = frame.Flags.HasFlag(DeclareQueueFlags.Exclusive),
            Arguments = frame.Arguments,
        });
    }

    private Binding BindingOf(string exchange, string destination, string routingKey, DestinationKind kind, FieldTable arguments) =>
        new(IdOf(exchange), IdOf(destination), routingKey, kind) { Arguments = arguments };

    private string IdOf(string name) => scope.Entity(name);

    private FrameFault? Handle(DeleteQueueFrame frame)
    {
        if (!frame.Name.StartsWith(DirectNames.AddressPrefix, StringComparison.Ordinal))
        {
            return AskTopology(
                FrameType.DeleteQueue,
                frame.RequestId,
                new TopologyRequest.DeleteQueue(IdOf(frame.Name), frame.Flags.HasFlag(DeleteQueueFlags.IfUnused), frame.Flags.HasFlag(DeleteQueueFlags.IfEmpty)));
        }

        _pending = new Pending(frame.RequestId, FrameType.DeleteQueue);
        var name = IdOf(frame.Name);
        Context.PipeTo(
            new ValueTask<FrameFault?>(Node.Addresses.ReleaseAsync(name, Status.Connection.Identity.User)),
            fault => new Released(name, fault),
            failure => new Released(name, new FrameFault(ErrorCode.Unavailable, failure.Message)));
        return null;
    }

    private void HandleReleased(ulong requestId, Released released)
    {
        if (released.Fault is { } fault)
        {
            Refuse(requestId, fault);
            return;
        }

        Node.Inboxes.End(released.Name, new FrameFault(ErrorCode.QueueDeleted, "its user has released the address"));
        Answer(() => new CountOkFrame(requestId, 0).Write(Output));
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
        if (RequestAccess.Check(scope.Access, request, Node.Routes) is { } refusal)
        {
            Refuse(requestId, refusal);
            return null;
        }

        _pending = new Pending(requestId, type);
        Node.Topology.Tell(request with { Asker = asker }, Self);
        return null;
    }

    private FrameFault? AskQueue(FrameType type, ulong requestId, string name, QueueMessage message, bool noAck = false)
    {
        if (scope.Access.ReadQueue(name) is { } refusal)
        {
            Refuse(requestId, refusal);
            return null;
        }

        var id = IdOf(name);
        if (!Node.Queues.TryGet(id, out var queue))
        {
            Refuse(requestId, TopologyMachine.NoQueue(id));
            return null;
        }

        if (QueueAccess.Check(id, queue.Definition.Owner, asker) is { } locked)
        {
            Refuse(requestId, locked);
            return null;
        }

        if (!queue.IsAvailable)
        {
            Refuse(requestId, Node.QueueGone(id));
            return null;
        }

        _pending = new Pending(requestId, type, queue, noAck);
        Context.Watch(queue.Actor);
        queue.Actor.Tell(message, Self);
        return null;
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
                    new QueueOkFrame(pending.RequestId, EntityName.LocalOf(reply.Name), (ulong)reply.Messages, (ulong)reply.Consumers, Node.LeaderAddressOf(reply.Name)).Write(Output);
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
