using System.Runtime.InteropServices;
using Broker.Actors.Access;
using Broker.Actors.Connections;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Machines.Ledgers;
using Broker.Machines.Publishing;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Publishing;

/// <summary>One publish stream: frames in, batches to the queues' actors, confirms out.</summary>
internal sealed partial class PublisherStreamActor : FrameStreamActor
{
    private readonly PublishStreamMachine _machine;
    private readonly Dictionary<string, Target> _targets = new(StringComparer.Ordinal);
    private readonly List<PublishBatch> _batches = [];
    private readonly List<SequenceRange> _confirmed = [];
    private readonly List<PublishOutcome> _outcomes = [];
    private bool _readyToSend;
    private bool _waitsForMemory;
    private readonly VhostScope _scope;
    private string? _parkedBy;
    private string? _producer;
    private ActorRef? _predecessor; // another stream of the same producer, which is to fall silent before this one begins
    private ActorRef? _successor;
    private bool _saidBlocked;
    private long _countedUnroutable;

    /// <summary>A queue that has been sent to, and what it has not answered.</summary>
    private sealed class Target(ActorRef actor)
    {
        public ActorRef Actor { get; } = actor;

        /// <summary>By batch, whether the queue has parked it.</summary>
        public Dictionary<PublishBatch, bool> Unanswered { get; } = [];
    }

    public PublisherStreamActor(IQuicStream stream, NodeServices node, StreamStatus status, VhostScope scope)
        : base(stream, node, status, node.Limits.MaxMessageBytes + ProtocolLimits.FrameOverheadBytes)
    {
        _scope = scope;
        _machine = new PublishStreamMachine(
            node.Routes, node.Limits.Publisher with { MaxMessageBytes = node.Limits.MaxMessageBytes }, scope.Vhost, node.NextSeed(), scope);
    }

    /// <summary>By another stream of the same producer: it takes over. Answer: <see cref="Silent"/>.</summary>
    private sealed record TakenOver;

    /// <summary>Every message that the stream will ever send to a queue is sent.</summary>
    private sealed record Silent;

    /// <summary>PUBLISHER_OPEN takes no memory, and BLOCKED may only follow its answer.</summary>
    protected override bool MayHandleFrames => _machine.MayRead && _predecessor is null && !(_waitsForMemory && _machine.IsOpen);

    protected override void PostStop()
    {
        if (_producer is not null)
        {
            Node.Producers.Release(_producer, Self);
        }

        Node.Memory.Forget(Self);
        base.PostStop();
    }

    protected override void BeginFrames(long bytes)
    {
        _machine.BeginRead(bytes, Node.Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
        _waitsForMemory = Node.Memory.IsClosed && Node.Memory.TryWait(Self);
    }

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        FrameFault fault;
        switch (type)
        {
            case FrameType.Publish:
                return PublishFrame.TryRead(payload, out var publish, out fault) ? HandlePublish(publish.Sequence, publish.Flags, publish.Message) : fault;
            case FrameType.PublisherOpen:
                if (!PublisherOpenFrame.TryRead(payload, out var open, out fault))
                {
                    return fault;
                }

                return HandleOpen(open.ProducerId);
            default:
                return Unexpected(type, StreamKind.Publish);
        }
    }

    private FrameFault? HandleOpen(string producerId)
    {
        if (producerId.Length == 0 || _machine.IsOpen)
        {
            _readyToSend = true;
            return _machine.HandleOpen();
        }

        Status.Subject = producerId;
        _producer = ProducerDirectory.NameOf(_scope.User, _scope.Entity(producerId));
        _predecessor = Node.Producers.Claim(_producer, Self);
        if (_predecessor is null)
        {
            _readyToSend = true;
        }
        else
        {
            Context.Watch(_predecessor);
            _predecessor.Tell(new TakenOver(), Self);
        }

        return _machine.HandleOpen(_producer);
    }

    /// <summary>What the predecessor has sent to queues is there before anything that this stream sends.</summary>
    private void BeginAfterPredecessor()
    {
        Context.Unwatch(_predecessor!);
        _predecessor = null;
        _readyToSend = true;
        if (_successor is not null)
        {
            EndForSuccessor();
        }
    }

    private void EndForSuccessor() =>
        Fail(new FrameFault(ErrorCode.ResourceLocked, "another stream has opened with the same producer id, and speaks for the producer from now on"));

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case PublisherSignal.Answered m when _toInboxes.Remove(m.Batch):
                _machine.HandleAnswered(m.Batch, m.Fault, m.WasParked, m.Refused);
                break;
            case PublisherSignal.Answered m:
                if (_targets.TryGetValue(m.Batch.Queue, out var target) && target.Unanswered.Remove(m.Batch))
                {
                    _machine.HandleAnswered(m.Batch, m.Fault, m.WasParked, m.Refused);
                }

                break;
            case PublisherSignal.Parked m:
                if (_targets.TryGetValue(m.Batch.Queue, out var full) && full.Unanswered.ContainsKey(m.Batch))
                {
                    full.Unanswered[m.Batch] = true;
                    _parkedBy = $"queue '{EntityName.LocalOf(m.Batch.Queue)}' {m.Reason}";
                    _machine.HandleParked();
                }

                break;
            case MemoryGate.Opened:
                _waitsForMemory = false;
                break;
            case TakenOver:
                _successor = Sender;
                if (_predecessor is null)
                {
                    EndForSuccessor(); // else it could say that it is silent, and the one before it were not
                }

                break;
            case Silent when Sender == _predecessor:
                BeginAfterPredecessor();
                break;
            case Terminated m when m.Actor == _predecessor:
                BeginAfterPredecessor();
                break;
            case Terminated m:
                HandleQueueGone(m.Actor);
                break;
            case ConsumerSignal:
                break; // a queue that has failed tells all
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        SendBatches();
        if (_machine.IsBrokenOff)
        {
            Fail(_machine.Broken!.Value); // the client opens another stream, and sends again what it has no outcome for
        }

        if (_producer is not null)
        {
            Node.Producers.Note(new ProducerMark(_producer, _machine.LastSequence));
        }

        if (_predecessor is null)
        {
            _successor?.Tell(new Silent(), Self);
            _successor = null;
        }

        Status.SetMessages(_machine.PublishedCount);
        if (_machine.UnroutableCount > _countedUnroutable)
        {
            Node.AddUnroutable(_machine.UnroutableCount - _countedUnroutable);
            _countedUnroutable = _machine.UnroutableCount;
        }

        Status.BlockedBy = BlockedBy;
        base.AfterBatch();
    }

    protected override void WriteFrames()
    {
        if (_readyToSend)
        {
            _readyToSend = false;
            new PublisherReadyFrame(_producer is null ? 0 : Node.Producers.LastSequenceOf(_producer)).Write(Output);
            MarkWritten();
        }

        _machine.TakeOutcomes(_confirmed, _outcomes);
        for (var i = 0; i < _confirmed.Count; i += ProtocolLimits.MaxRanges)
        {
            ConfirmFrame.Write(Output, CollectionsMarshal.AsSpan(_confirmed).Slice(i, Math.Min(ProtocolLimits.MaxRanges, _confirmed.Count - i)));
            MarkWritten();
        }

        foreach (var outcome in _outcomes)
        {
            if (outcome.Returned)
            {
                new ReturnFrame(outcome.Sequence, outcome.Fault.Code, outcome.Fault.Reason).Write(Output);
            }
            else
            {
                new RejectFrame(outcome.Sequence, outcome.Fault.Code, outcome.Fault.Reason).Write(Output);
            }

            MarkWritten();
        }

        _confirmed.Clear();
        _outcomes.Clear();
        WriteBlocked();
    }

    protected override bool OwesOutput => !_machine.IsSettled || _predecessor is not null;

    private string? BlockedBy =>
        _machine.ParkedCount > 0 ? _parkedBy : _waitsForMemory && _machine.IsOpen ? "the node's memory limit is reached" : null;

    private void WriteBlocked()
    {
        var reason = BlockedBy;
        if (reason is not null && !_saidBlocked)
        {
            new BlockedFrame(reason).Write(Output);
            MarkWritten();
        }
        else if (reason is null && _saidBlocked)
        {
            default(UnblockedFrame).Write(Output);
            MarkWritten();
        }

        _saidBlocked = reason is not null;
    }

    private void SendBatches()
    {
        _machine.TakeBatches(_batches);
        foreach (var batch in _batches)
        {
            if (TrySendToInbox(batch))
            {
                continue;
            }

            if (TargetFor(batch.Queue) is { } target)
            {
                target.Unanswered.Add(batch, false);
                target.Actor.Tell(new QueueMessage.Enqueue(batch), Self);
            }
            else
            {
                _machine.HandleAnswered(batch, NotTaken(batch.Queue), wasParked: false); // since the route was looked up
            }
        }

        _batches.Clear();
    }

    private FrameFault NotTaken(string queue) => Node.QueueGone(queue) switch
    {
        { Code: ErrorCode.QueueDeleted } => new FrameFault(ErrorCode.QueueDeleted, $"queue '{EntityName.LocalOf(queue)}' was deleted before it could take the message"),
        var moving => moving,
    };

    private Target? TargetFor(string queue)
    {
        if (_targets.TryGetValue(queue, out var target))
        {
            return target;
        }

        if (!Node.TryGetTarget(queue, out var actor))
        {
            return null;
        }

        target = new Target(actor);
        _targets.Add(queue, target);
        Context.Watch(actor);
        return target;
    }

    /// <summary>The queue's actor has ended. What it had not answered it never will.</summary>
    private void HandleQueueGone(ActorRef actor)
    {
        HandleInboxGone(actor);
        foreach (var (queue, target) in _targets)
        {
            if (target.Actor == actor)
            {
                _targets.Remove(queue);
                foreach (var (batch, parked) in target.Unanswered)
                {
                    _machine.HandleAnswered(batch, NotTaken(queue), parked);
                }

                _machine.HandleQueueOver(queue, NotTaken(queue));
                return;
            }
        }
    }
}
