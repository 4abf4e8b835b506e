using Broker.Actors.Queues;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>What comes back.</summary>
internal sealed partial class RemoteQueueActor
{
    private void HandleAnswer(RemotePeer peer, RouteMessage answer)
    {
        switch (answer.Kind)
        {
            case RouteKind.Published:
                peer.HandlePublished(answer.Number, answer.Refused, Self);
                break;
            case RouteKind.Parked when peer.Batches.TryGetValue(answer.Number, out var parked) && !parked.IsParked:
                parked.IsParked = true;
                peer.Actor.Tell(new PublisherSignal.Parked(parked.Batch, answer.Fault?.Reason ?? ""), Self);
                break;
            case RouteKind.Subscribed:
                peer.IsSubscribing = false;
                peer.IsSubscribed = answer.Fault is null;
                peer.Actor.Tell(new ConsumerSignal.Subscribed(answer.Fault), Self);
                break;
            case RouteKind.Deliver:
                peer.Actor.Tell(new ConsumerSignal.Deliver([.. answer.Items.Select(DeliveryOf)]), Self);
                break;
            case RouteKind.Settled when peer.Settlements.TryDequeue(out var ranges):
                peer.Actor.Tell(new ConsumerSignal.Settled(ranges, answer.Fault), Self);
                break;
            case RouteKind.Cancelled:
                peer.IsSubscribed = peer.IsCancelling = false;
                peer.Actor.Tell(new ConsumerSignal.CancelDone(), Self);
                break;
            case RouteKind.Refused when answer.Fault is { } refusal:
                peer.IsSubscribed = false;
                peer.Actor.Tell(new ConsumerSignal.Refused(refusal), Self);
                break;
            case RouteKind.QueueGone:
                peer.IsSubscribed = false;
                peer.Actor.Tell(new ConsumerSignal.QueueGone(), Self);
                break;
            case RouteKind.Got when peer.Gets > 0:
                peer.Gets--;
                peer.Actor.Tell(new QueueReply.Got(answer.Items.Count > 0 ? DeliveryOf(answer.Items[0]) : null, (long)answer.Number, answer.Fault), Self);
                break;
            case RouteKind.PeerOver:
                HandleOver(peer, answer.Fault);
                break;
            default:
                HandleReply(peer, answer);
                break;
        }
    }

    private void HandleReply(RemotePeer peer, RouteMessage answer)
    {
        object? reply = (peer.Question, answer.Kind) switch
        {
            (QueueMessage.Purge, RouteKind.Purged) => new QueueReply.Purged((long)answer.Number, answer.Fault),
            (QueueMessage.Peek, RouteKind.Peeked) => new QueueReply.Peeked([.. answer.Items.Select(i => DeliveryOf(i).Entry)], answer.Fault),
            (QueueMessage.Pause, RouteKind.Paused) => new QueueReply.Paused(answer.Number == 1, answer.Fault),
            (QueueMessage.PeekDelayed, RouteKind.Delayed) =>
                new QueueReply.Delayed([.. answer.Items.Select(i => new DelayedEntry((long)i.Number, DeliveryOf(i).Entry))], answer.Fault),
            (QueueMessage.Start m, RouteKind.Started) => new QueueReply.Started(m.OperationId, (long)answer.Number, (int)answer.Second),
            (QueueMessage.Delete m, RouteKind.Deleted) => new QueueReply.Deleted(m.OperationId, (long)answer.Number),
            (QueueMessage.Start m, RouteKind.NotDone) => new QueueReply.Refused(m.OperationId, answer.Fault ?? default),
            (QueueMessage.Delete m, RouteKind.NotDone) => new QueueReply.Refused(m.OperationId, answer.Fault ?? default),
            _ => null,
        };
        if (reply is null)
        {
            return; // nobody has asked for it
        }

        Remove(peer);
        _route.Tell(new RouteCommand.Gone(peer.Number), Self);
        if (reply is QueueReply.Deleted)
        {
            End(); // first, so that a new declaration finds the shard waiting for this actor's end
        }

        peer.Actor.Tell(reply, Self);
    }

    /// <summary>The leader has no such queue, or no more.</summary>
    private void HandleOver(RemotePeer peer, FrameFault? fault)
    {
        Remove(peer);
        if (fault is { Code: not ErrorCode.Unavailable } other)
        {
            peer.End(other, other, Self);
        }
        else
        {
            var reason = fault?.Reason ?? "its leader has ended it";
            End(peer, Fault(reason), BatchFault(reason));
        }
    }

    private static Delivery DeliveryOf(RouteItem item) =>
        new(item.Number, new QueueEntry(item.Position, new StoredMessage(item.Bytes, new MessageMeta(item.Meta)), item.DeliveryCount));
}
