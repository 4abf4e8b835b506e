using System.Diagnostics;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Server;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>
/// One queue, a sharded entity. It translates between messages and <see cref="QueueMachine"/>; publishers and consumers are numbered here, and watched, so that
/// the machine hears when one is gone.
/// </summary>
/// <remarks>Dispatch and all answers happen once per batch of the mailbox, so a busy queue sends few large messages.</remarks>
internal sealed class QueueActor : Actor
{
    private readonly NodeServices _node;
    private readonly QueueMachine _machine;
    private readonly string _name;
    private readonly Dictionary<ActorRef, long> _idOfPeer = [];
    private readonly Dictionary<long, ActorRef> _peerOfId = [];
    private readonly Dictionary<long, (PublishBatch Batch, bool Parked)> _batches = [];
    private LocalQueue? _registration;
    private long _lastId;
    private long _accountedBytes;

    public QueueActor(string name, NodeServices node)
    {
        _name = name;
        _node = node;
        _machine = new QueueMachine(node.Limits.Queue);
    }

    protected override void PreStart()
    {
        _registration = new LocalQueue(_name, Self, new QueueStatus());
        _node.Queues.Add(_registration);
        Context.Describe(_registration.Status.ToString);
    }

    protected override void PostStop()
    {
        _node.Queues.Remove(_registration!);
        _node.Memory.Add(-_accountedBytes);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case QueueMessage.Enqueue m:
                var batchId = ++_lastId;
                _batches.Add(batchId, (m.Batch, Parked: false));
                _machine.HandleEnqueue(new PublisherId(IdOfSender()), batchId, m.Batch.Messages);
                break;
            case QueueMessage.Grant m:
                _machine.HandleGrant(new ConsumerId(IdOfSender()), m.Messages, m.Bytes);
                break;
            case QueueMessage.Settle m:
                var fault = _machine.HandleSettle(new ConsumerId(IdOfSender()), m.Ranges, m.Outcome);
                Sender.Tell(new ConsumerSignal.Settled(m.Ranges, fault), Self);
                break;
            case QueueMessage.Subscribe m:
                Sender.Tell(new ConsumerSignal.Subscribed(_machine.HandleSubscribe(new ConsumerId(IdOfSender()), m.Exclusive, m.NoAck, m.MaxMessageBytes)), Self);
                break;
            case QueueMessage.CancelSubscription:
                _machine.HandleCancel(new ConsumerId(IdOfSender()));
                PerformEffects(); // deliveries that were decided on go out before the word that none follows
                Sender.Tell(new ConsumerSignal.CancelDone(), Self);
                break;
            case QueueMessage.Get m:
                if (_machine.CheckNext(m.MaxMessageBytes) is { } tooLarge)
                {
                    Sender.Tell(new QueueReply.Got(null, _machine.ReadyCount, tooLarge), Self);
                    break;
                }

                var got = _machine.HandleGet(new ConsumerId(IdOfSender()), m.NoAck, out var delivery);
                Sender.Tell(new QueueReply.Got(got ? delivery : null, _machine.ReadyCount), Self);
                break;
            case Terminated m:
                HandleGone(m.Actor);
                break;
            default:
                ReceiveAdministration(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        _machine.Dispatch();
        _registration!.Status.Update(_machine);
        var delta = _machine.SizeBytes - _accountedBytes;
        if (delta != 0)
        {
            _accountedBytes += delta;
            _node.Memory.Add(delta);
        }

        PerformEffects();
    }

    private void ReceiveAdministration(object message)
    {
        switch (message)
        {
            case QueueMessage.Start m:
                Sender.Tell(new QueueReply.Started(m.OperationId, _machine.ReadyCount, _machine.ConsumerCount), Self);
                break;
            case QueueMessage.Purge:
                Sender.Tell(new QueueReply.Purged(_machine.HandlePurge()), Self);
                break;
            case QueueMessage.Peek m:
                Sender.Tell(new QueueReply.Peeked(_machine.Peek(m.Count)), Self);
                break;
            case QueueMessage.Delete m:
                HandleDelete(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void HandleDelete(QueueMessage.Delete message)
    {
        var messages = _machine.ReadyCount;
        if (_machine.HandleDelete(message.IfUnused, message.IfEmpty) is { } fault)
        {
            Sender.Tell(new QueueReply.Refused(message.OperationId, fault), Self);
            return;
        }

        PerformEffects();
        _node.Queues.Remove(_registration!); // routed to no more from here on
        Context.Parent.Tell(new Passivate(PoisonPill.Instance), Self); // first, so that a new declaration finds the shard waiting for this actor's end
        Sender.Tell(new QueueReply.Deleted(message.OperationId, messages), Self);
    }

    private void PerformEffects()
    {
        while (_machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case QueueEffect.Accepted e:
                    Answer(e.Publisher, e.BatchId, accepted: true);
                    break;
                case QueueEffect.Dropped e:
                    Answer(e.Publisher, e.BatchId, accepted: false);
                    break;
                case QueueEffect.Parked e when _batches.TryGetValue(e.BatchId, out var parked):
                    _batches[e.BatchId] = parked with { Parked = true };
                    Tell(e.Publisher.Value, new PublisherSignal.Parked(parked.Batch));
                    break;
                case QueueEffect.Deliver e:
                    Tell(e.Consumer.Value, new ConsumerSignal.Deliver(e.Deliveries));
                    break;
                case QueueEffect.ConsumerRefused e:
                    Tell(e.Consumer.Value, new ConsumerSignal.Refused(e.Fault));
                    break;
                case QueueEffect.ConsumerClosed e:
                    Tell(e.Consumer.Value, new ConsumerSignal.QueueGone());
                    break;
                case QueueEffect.Parked:
                    break; // its publisher went away meanwhile
                default:
                    throw new UnreachableException($"queue effect {effect}");
            }
        }
    }

    private void Answer(PublisherId publisher, long batchId, bool accepted)
    {
        if (_batches.Remove(batchId, out var pending))
        {
            Tell(publisher.Value, new PublisherSignal.Answered(pending.Batch, accepted, pending.Parked));
        }
    }

    private void Tell(long peer, object message)
    {
        if (_peerOfId.TryGetValue(peer, out var actor))
        {
            actor.Tell(message, Self);
        }
    }

    private long IdOfSender()
    {
        if (!_idOfPeer.TryGetValue(Sender, out var id))
        {
            id = ++_lastId;
            _idOfPeer.Add(Sender, id);
            _peerOfId.Add(id, Sender);
            Context.Watch(Sender);
        }

        return id;
    }

    private void HandleGone(ActorRef peer)
    {
        if (_idOfPeer.Remove(peer, out var id))
        {
            _peerOfId.Remove(id);
            _machine.HandleConsumerGone(new ConsumerId(id));
            _machine.HandlePublisherGone(new PublisherId(id));
        }
    }
}
