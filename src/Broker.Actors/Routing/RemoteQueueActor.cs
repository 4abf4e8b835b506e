using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Publishing;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>
/// Stands in for a queue that another node leads: answers to the same messages as <see cref="QueueActor"/>, and forwards them. Streams of this node do not know the difference; what they hear when the
/// leader is gone is UNAVAILABLE.
/// </summary>
internal sealed partial class RemoteQueueActor : Actor
{
    private const int MaxPartBytes = 64 << 10;
    private readonly NodeServices _node;
    private readonly string _name;
    private readonly ActorRef _route;
    private readonly Dictionary<ActorRef, RemotePeer> _peers = [];
    private readonly Dictionary<ulong, RemotePeer> _byNumber = [];
    private readonly Dictionary<ActorRef, FrameFault> _given = []; // producers that have lost something on the way, or what only the leader knew, and why: they are to begin anew
    private LocalQueue? _registration;
    private ulong _lastBatch;
    private bool _deleted;

    public RemoteQueueActor(string name, NodeServices node)
    {
        _name = name;
        _node = node;
        _route = node.Cluster!.Routes[StableHash.ShardOf(name, node.Options.ShardCount)];
    }

    protected override void PreStart() => Context.Describe(() => $"led by another node, {_peers.Count} peers");

    protected override void PostStop()
    {
        if (_deleted)
        {
            EndPeers(_node.QueueGone(_name));
        }
        else
        {
            GiveUp("it is moving between nodes");
        }

        if (_registration is not null && !_deleted)
        {
            _node.Queues.Suspend(_registration);
        }
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case QueueMessage.Enqueue m when !m.BeginsAnew && _given.TryGetValue(Sender, out var given):
                Sender.Tell(new PublisherSignal.Answered(m.Batch, given, WasParked: false), Self); // the sender did not know yet
                break;
            case QueueMessage.Enqueue m:
                _given.Remove(Sender);
                Publish(m.Batch);
                break;
            case QueueMessage.Grant m:
                if (_peers.TryGetValue(Sender, out var consumer))
                {
                    Forward(new RouteMessage(RouteKind.Grant, consumer.Number) { Number = (ulong)m.Messages, Second = (ulong)m.Bytes });
                }

                break;
            case QueueMessage.Settle m:
                Settle(m);
                break;
            case QueueMessage.Subscribe m:
                var subscriber = PeerOfSender();
                subscriber.IsSubscribing = subscriber.MayHold = true;
                Forward(new RouteMessage(RouteKind.Subscribe, subscriber.Number) { Flags = Bits(m.Exclusive, m.NoAck), Number = (ulong)m.MaxMessageBytes, Items = ItemsOf(m.Arguments) });
                break;
            case QueueMessage.CancelSubscription:
                Cancel();
                break;
            case QueueMessage.Get m:
                var reader = PeerOfSender();
                reader.Gets++;
                reader.MayHold = true;
                Forward(new RouteMessage(RouteKind.Get, reader.Number) { Flags = Bits(m.NoAck, false), Number = (ulong)m.MaxMessageBytes });
                break;
            case RouteMessage m when _byNumber.TryGetValue(m.Peer, out var peer):
                HandleAnswer(peer, m);
                break;
            case RouteMessage:
                break; // to one that has ended
            case RouteCommand.Lost m:
                GiveUp(m.Reason);
                break;
            case Terminated m:
                _given.Remove(m.Actor);
                if (_peers.TryGetValue(m.Actor, out var gone))
                {
                    Remove(gone);
                    _route.Tell(new RouteCommand.Gone(gone.Number), Self);
                }

                break;
            case QueueMessage m:
                ReceiveAdministration(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void ReceiveAdministration(QueueMessage message)
    {
        switch (message)
        {
            case QueueMessage.Start m:
                Register(m.Definition);
                if (m.OperationId == 0)
                {
                    Sender.Tell(new QueueReply.Started(0, 0, 0), Self); // nobody waits for its figures
                }
                else
                {
                    Ask(m, number => new RouteMessage(RouteKind.Start, number));
                }

                break;
            case QueueMessage.Delete m when m.OnlyId != 0 && m.OnlyId != _registration?.Id:
                Sender.Tell(new QueueReply.Refused(m.OperationId, QueueActor.OtherQueue), Self);
                break;
            case QueueMessage.Delete m:
                Ask(m, number => new RouteMessage(RouteKind.Delete, number) { Flags = Bits(m.IfUnused, m.IfEmpty) | (m.IfUnwanted ? 4UL : 0) });
                break;
            case QueueMessage.Purge:
                Ask(message, number => new RouteMessage(RouteKind.Purge, number));
                break;
            case QueueMessage.Peek m:
                Ask(m, number => new RouteMessage(RouteKind.Peek, number) { Number = (ulong)m.Count });
                break;
            case QueueMessage.Pause m:
                Ask(m, number => new RouteMessage(RouteKind.Pause, number) { Flags = Bits(m.IsPaused, false) });
                break;
            case QueueMessage.PeekDelayed m:
                Ask(m, number => new RouteMessage(RouteKind.PeekDelayed, number) { Number = (ulong)m.Count });
                break;
            case QueueMessage.ListConsumers:
                Sender.Tell(new QueueReply.Consumers([], new FrameFault(ErrorCode.NotLeader, $"node '{_node.LeaderOf(_name)}' leads it and knows its consumers: ask there")), Self);
                break;
            case QueueMessage.Forget:
                End();
                break;
            case QueueMessage.ListSegments:
                Sender.Tell(new QueueReply.Segments([]), Self);
                break;
            case QueueMessage.Blocked or QueueMessage.MemoryShort or QueueMessage.Policies:
                break; // the leader's store and memory count, and it knows its policies
            default:
                Unhandled(message);
                break;
        }
    }

    private void Register(QueueDefinition definition)
    {
        if (_registration is { } known && known.Id == definition.Id)
        {
            return;
        }

        _registration = new LocalQueue(definition, Self, new QueueStatus(), IsLocal: false);
        _node.Queues.Add(_registration);
    }

    private void Publish(PublishBatch batch)
    {
        var peer = PeerOfSender();
        var pending = new RemoteBatch(batch);
        var messages = batch.Messages.Span;
        var producer = batch.Producer;
        var items = new List<RouteItem>();
        var first = 0;
        var bytes = 0;
        for (var i = 0; i < messages.Length; i++)
        {
            ref readonly var message = ref messages[i];
            items.Add(new RouteItem(producer.Name is null ? 0 : producer.Sequences.Span[i], 0, 0, message.Meta.Value, message.Bytes));
            bytes += message.SizeBytes + RouteItem.OverheadBytes;
            if (bytes >= MaxPartBytes || i == messages.Length - 1 || messages[i + 1].SizeBytes >= MaxPartBytes)
            {
                pending.Add(++_lastBatch, first, items.Count);
                peer.Batches.Add(_lastBatch, pending);
                Forward(new RouteMessage(RouteKind.Publish, peer.Number) { Number = _lastBatch, Text = producer.Name ?? "", Items = items });
                items = [];
                first = i + 1;
                bytes = 0;
            }
        }
    }

    private void Settle(QueueMessage.Settle message)
    {
        if (_peers.TryGetValue(Sender, out var peer) && peer.MayHold)
        {
            peer.Settlements.Enqueue(message.Ranges);
            Forward(new RouteMessage(RouteKind.Settle, peer.Number) { Flags = (ulong)message.Outcome | (message.Certain ? 4UL : 0), Text = message.Reason, Ranges = message.Ranges });
        }
        else
        {
            Sender.Tell(new ConsumerSignal.Settled(message.Ranges, Fault("what it had delivered has gone back to it")), Self); // to the leader that was
        }
    }

    private void Cancel()
    {
        if (_peers.TryGetValue(Sender, out var peer))
        {
            peer.IsCancelling = true;
            Forward(new RouteMessage(RouteKind.Cancel, peer.Number));
        }
        else
        {
            Sender.Tell(new ConsumerSignal.CancelDone(), Self);
        }
    }

    /// <summary>A peer of its own for each question, so that answers need no other number.</summary>
    private void Ask(QueueMessage question, Func<ulong, RouteMessage> message)
    {
        var peer = new RemotePeer(_node.Cluster!.NextPeer(), Sender, question);
        _byNumber.Add(peer.Number, peer);
        Forward(message(peer.Number));
    }

    private RemotePeer PeerOfSender()
    {
        if (!_peers.TryGetValue(Sender, out var peer))
        {
            peer = new RemotePeer(_node.Cluster!.NextPeer(), Sender, question: null);
            _peers.Add(Sender, peer);
            _byNumber.Add(peer.Number, peer);
            Context.Watch(Sender);
        }

        return peer;
    }

    private void Remove(RemotePeer peer)
    {
        _byNumber.Remove(peer.Number);
        if (peer.Question is null)
        {
            _peers.Remove(peer.Actor);
        }
    }

    /// <summary>Who waits for something hears that it will not come, and begins anew with the next thing that it wants.</summary>
    private void GiveUp(string reason) => EndPeers(Fault(reason), BatchFault(reason));

    /// <summary>The queue was deleted.</summary>
    private void End()
    {
        _deleted = true;
        _node.Queues.Forget(_name);
        EndPeers(_node.QueueGone(_name));
        Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self);
    }

    private void EndPeers(FrameFault fault) => EndPeers(fault, fault);

    private void EndPeers(FrameFault fault, FrameFault batchFault)
    {
        foreach (var peer in _byNumber.Values)
        {
            _route.Tell(new RouteCommand.Gone(peer.Number), Self); // it may have been forwarded again since it was lost
            End(peer, fault, batchFault);
        }

        _byNumber.Clear();
        _peers.Clear();
    }

    private void End(RemotePeer peer, FrameFault fault, FrameFault batchFault)
    {
        if (peer.MustBeginAnew)
        {
            _given[peer.Actor] = batchFault;
        }

        peer.End(fault, batchFault, Self);
    }

    private FrameFault Fault(string reason) => new(ErrorCode.Unavailable, $"queue '{EntityName.LocalOf(_name)}' cannot be reached: {reason}");

    private FrameFault BatchFault(string reason) => new(ErrorCode.Unavailable, $"the leader of queue '{EntityName.LocalOf(_name)}' has gone; publish it again ({reason})");

    private void Forward(RouteMessage message) => _route.Tell(new RouteCommand.Forward(_name, message), Self);

    private static IReadOnlyList<RouteItem> ItemsOf(FieldTable arguments) => arguments.Count > 0 ? [new RouteItem(0, 0, 0, 0, arguments.ToBytes())] : [];

    private static ulong Bits(bool first, bool second) => (first ? 1UL : 0) | (second ? 2UL : 0);
}
