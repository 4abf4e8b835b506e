using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// Stands for the way from a node to a queue that another one leads: takes batches there, to whoever takes himself for the leader, and brings the answer back. Both may be late; when
/// the node there ends,
/// or is not reached, the sender hears that nobody knows, whether the batch was taken or not.
/// </summary>
internal sealed class SimulatedRoute(ClusterWorld world, ClusterQueue queue) : Actor
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(700);
    private readonly Dictionary<PublishBatch, ActorRef> _underWay = new(ReferenceEqualityComparer.Instance);

    private sealed record Arrived(PublishBatch Batch, PublisherSignal.Answered Answer);

    private sealed record Overdue(PublishBatch Batch);

    protected override void Receive(object message)
    {
        switch (message)
        {
            case QueueMessage.Enqueue m:
                _underWay.Add(m.Batch, Sender);
                Context.Timers.StartSingle(m.Batch, new Overdue(m.Batch), s_patience);
                var (batch, self) = (m.Batch, Self);
                world.Later(world.NetworkDelay(), () => Deliver(batch, self));
                break;
            case Arrived m:
                Answer(m.Batch, m.Answer.Fault, m.Answer.Refused);
                break;
            case Overdue m:
                Answer(m.Batch, new FrameFault(ErrorCode.Unavailable, "it is simulated: no answer has come"), refused: null);
                break;
            default:
                break;
        }
    }

    private void Answer(PublishBatch batch, FrameFault? fault, IReadOnlyList<BatchRefusal>? refused)
    {
        if (_underWay.Remove(batch, out var sender))
        {
            Context.Timers.Cancel(batch);
            world.Seen.Count("dead letters that were sent again", fault is null ? 0 : 1);
            sender.Tell(new PublisherSignal.Answered(batch, fault, WasParked: false, refused), Self);
        }
    }

    /// <summary>It has come to the other node, or there is none.</summary>
    private void Deliver(PublishBatch batch, ActorRef self)
    {
        if (world.FindServing(queue) is not ({ Member.IsPaused: false } life, { } local) || (!world.IsCalm && world.Random.Next(12) == 0))
        {
            return; // lost
        }

        var items = new List<RouteItem>();
        for (var i = 0; i < batch.Count; i++)
        {
            var message = batch.Messages.Span[i];
            items.Add(new RouteItem(batch.Producer.Name is null ? 0 : batch.Producer.Sequences.Span[i], 0, 0, message.Meta.Value, message.Bytes));
        }

        var copy = PublishBatch.Of(batch.Queue, batch.Producer.Name, items);
        var peer = life.System.ActorOf(Props.Create(() => new Peer(answer => Return(batch, self, answer))));
        local.Actor.Tell(new QueueMessage.Enqueue(copy), peer);
    }

    private void Return(PublishBatch batch, ActorRef self, PublisherSignal.Answered answer)
    {
        if (world.IsCalm || world.Random.Next(12) > 0) // else it is lost
        {
            world.Later(world.NetworkDelay(), () => self.Tell(new Arrived(batch, answer)));
        }
    }

    /// <summary>Stands for the sender at the queue's node.</summary>
    private sealed class Peer(Action<PublisherSignal.Answered> answered) : Actor
    {
        protected override void Receive(object message)
        {
            if (message is PublisherSignal.Answered answer)
            {
                answered(answer);
                Context.Stop(Self);
            }
        }
    }
}
