using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Direct;

namespace Broker.Actors.Direct;

/// <summary>
/// The inbox of one consume stream, and its child: it is to publishers and to the stream what a queue is, but has no name that is declared, keeps nothing, and lets nobody wait.
/// </summary>
internal sealed class InboxActor(NodeServices node, string name) : Actor
{
    private readonly InboxMachine _machine = new(node.Limits.InboxMessages, node.Limits.InboxBytes);
    private ActorRef? _consumer;
    private int _maxMessageBytes;
    private long _accountedBytes;

    protected override void PreStart() => Context.Describe(() => $"{name}: {_machine.Count} messages wait, {_machine.DroppedCount} were dropped");

    protected override void PostStop()
    {
        node.Inboxes.Remove(name, Self);
        node.Memory.Add(-_accountedBytes);
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case QueueMessage.Enqueue m:
                _machine.HandleMessages(m.Batch.Messages.Span);
                Sender.Tell(new PublisherSignal.Answered(m.Batch, Fault: null, WasParked: false), Self);
                break;
            case QueueMessage.Subscribe m:
                _consumer = Sender;
                _maxMessageBytes = m.MaxMessageBytes;
                Sender.Tell(new ConsumerSignal.Subscribed(Fault: null), Self);
                break;
            case QueueMessage.Grant m:
                _machine.HandleGrant(m.Messages, m.Bytes);
                break;
            case QueueMessage.CancelSubscription:
                node.Inboxes.Remove(name, Self);
                _consumer = null;
                Sender.Tell(new ConsumerSignal.CancelDone(), Self);
                break;
            case Inboxes.Replaced m:
                node.Inboxes.Remove(name, Self);
                _consumer?.Tell(new ConsumerSignal.Refused(m.Fault), Self);
                _consumer = null;
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        if (_consumer is not null && _machine.TakeDeliveries(_maxMessageBytes) is { Count: > 0 } deliveries)
        {
            _consumer.Tell(new ConsumerSignal.Deliver(deliveries), Self);
        }

        var delta = _machine.SizeBytes - _accountedBytes;
        _accountedBytes += delta;
        node.Memory.Add(delta);
    }
}
