using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Publishing;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Routing;

/// <summary>
/// A publisher, consumer or question of another node, in its name before a queue that lives here. If the queue is not here yet, because this node is about to lead the shard or has just
/// been told of the
/// queue, it waits for a while.
/// </summary>
internal sealed class RoutedPeerActor(NodeServices node, int shard, ulong peer, string name) : Actor
{
    private const int MaxDeliverBytes = 64 << 10;
    private const int MaxPeekedBytes = 1 << 20;
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(20);
    private readonly Dictionary<PublishBatch, ulong> _batches = [];
    private readonly Queue<RouteMessage> _waiting = new();
    private LocalQueue? _queue;
    private long _since;

    private sealed class Retry
    {
        public static readonly Retry Instance = new();
    }

    protected override void PreStart()
    {
        Context.Describe(() => name);
        _since = Context.System.TimeProvider.GetTimestamp();
        Find();
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case RouteMessage m when _queue is null:
                _waiting.Enqueue(m);
                break;
            case RouteMessage m:
                Forward(m, _queue.Actor);
                break;
            case Retry:
                Find();
                break;
            case Terminated:
                End(node.QueueGone(name));
                break;
            case PublisherSignal.Answered m when _batches.Remove(m.Batch, out var number):
                Answer(new RouteMessage(RouteKind.Published, peer) { Number = number, Refused = RefusedOf(m) });
                break;
            case PublisherSignal.Parked m when _batches.TryGetValue(m.Batch, out var parked):
                Answer(new RouteMessage(RouteKind.Parked, peer) { Number = parked, Fault = new FrameFault(ErrorCode.NoError, m.Reason) });
                break;
            case ConsumerSignal m:
                HandleSignal(m);
                break;
            case QueueReply m:
                HandleReply(m);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Find()
    {
        var view = node.Cluster!.Shards[shard];
        if (view.IsServing && node.Queues.TryGet(name, out var queue) && queue is { IsLocal: true, IsAvailable: true })
        {
            _queue = queue;
            Context.Watch(queue.Actor);
            while (_waiting.TryDequeue(out var message))
            {
                Forward(message, queue.Actor);
            }
        }
        else if (!view.IsServing && view.Assignment?.Leader is { } leader && leader.Node != node.Options.NodeId)
        {
            End(new FrameFault(ErrorCode.Unavailable, $"node '{leader.Node}' leads it"));
        }
        else if (Context.System.TimeProvider.GetElapsedTime(_since) >= node.Cluster.Options.RoutingPatience)
        {
            End(new FrameFault(ErrorCode.Unavailable, $"node '{node.Options.NodeId}' does not have it"));
        }
        else
        {
            Context.Timers.StartSingle(Retry.Instance, Retry.Instance, s_retry);
        }
    }

    private void Forward(RouteMessage message, ActorRef queue)
    {
        switch (message.Kind)
        {
            case RouteKind.Publish:
                var batch = PublishBatch.Of(name, message.Text.Length > 0 ? message.Text : null, message.Items);
                _batches.Add(batch, message.Number);
                queue.Tell(new QueueMessage.Enqueue(batch), Self);
                break;
            case RouteKind.Subscribe:
                queue.Tell(new QueueMessage.Subscribe((message.Flags & 1) != 0, (message.Flags & 2) != 0, LengthOf(message.Number)) { Arguments = ArgumentsOf(message) }, Self);
                break;
            case RouteKind.Grant:
                queue.Tell(new QueueMessage.Grant((long)message.Number, (long)message.Second), Self);
                break;
            case RouteKind.Settle:
                queue.Tell(new QueueMessage.Settle(message.Ranges, (SettleOutcome)(message.Flags & 3), Certain: (message.Flags & 4) != 0, message.Text), Self);
                break;
            case RouteKind.Cancel:
                queue.Tell(new QueueMessage.CancelSubscription(), Self);
                break;
            case RouteKind.Get:
                queue.Tell(new QueueMessage.Get((message.Flags & 1) != 0, LengthOf(message.Number)), Self);
                break;
            case RouteKind.Purge:
                queue.Tell(new QueueMessage.Purge(), Self);
                break;
            case RouteKind.Peek:
                queue.Tell(new QueueMessage.Peek(LengthOf(message.Number)), Self);
                break;
            case RouteKind.Start:
                queue.Tell(new QueueMessage.Start(1, _queue!.Definition), Self); // somebody has declared it there
                break;
            case RouteKind.Delete:
                queue.Tell(new QueueMessage.Delete(0, (message.Flags & 1) != 0, (message.Flags & 2) != 0) { IfUnwanted = (message.Flags & 4) != 0 }, Self);
                break;
            case RouteKind.Pause:
                queue.Tell(new QueueMessage.Pause((message.Flags & 1) != 0), Self);
                break;
            case RouteKind.PeekDelayed:
                queue.Tell(new QueueMessage.PeekDelayed(LengthOf(message.Number)), Self);
                break;
            default:
                break; // an answer: the other node never sends one
        }
    }

    private void HandleSignal(ConsumerSignal signal)
    {
        switch (signal)
        {
            case ConsumerSignal.Subscribed m:
                Answer(new RouteMessage(RouteKind.Subscribed, peer) { Fault = m.Fault });
                break;
            case ConsumerSignal.Deliver m:
                Deliver(m.Deliveries);
                break;
            case ConsumerSignal.Settled m:
                Answer(new RouteMessage(RouteKind.Settled, peer) { Fault = m.Fault });
                break;
            case ConsumerSignal.CancelDone:
                Answer(new RouteMessage(RouteKind.Cancelled, peer));
                break;
            case ConsumerSignal.Refused m:
                Answer(new RouteMessage(RouteKind.Refused, peer) { Fault = m.Fault });
                break;
            case ConsumerSignal.QueueGone:
                Answer(new RouteMessage(RouteKind.QueueGone, peer));
                break;
            default:
                Unhandled(signal);
                break;
        }
    }

    private void HandleReply(QueueReply reply)
    {
        switch (reply)
        {
            case QueueReply.Got m:
                Answer(new RouteMessage(RouteKind.Got, peer) { Number = (ulong)m.Remaining, Fault = m.Fault, Items = m.Delivery is { } delivery ? [ItemOf(delivery.Tag, delivery.Entry)] : [] });
                break;
            case QueueReply.Purged m:
                Answer(new RouteMessage(RouteKind.Purged, peer) { Number = (ulong)m.MessageCount, Fault = m.Fault });
                break;
            case QueueReply.Peeked m:
                Answer(new RouteMessage(RouteKind.Peeked, peer) { Fault = m.Fault, Items = FirstOf(m.Entries.Select(e => ItemOf(0, e))) });
                break;
            case QueueReply.Paused m:
                Answer(new RouteMessage(RouteKind.Paused, peer) { Number = m.IsPaused ? 1UL : 0, Fault = m.Fault });
                break;
            case QueueReply.Delayed m:
                Answer(new RouteMessage(RouteKind.Delayed, peer) { Fault = m.Fault, Items = FirstOf(m.Entries.Select(e => ItemOf((ulong)e.Due, e.Entry))) });
                break;
            case QueueReply.Started m:
                Answer(new RouteMessage(RouteKind.Started, peer) { Number = (ulong)m.ReadyCount, Second = (ulong)m.ConsumerCount });
                break;
            case QueueReply.Deleted m:
                Answer(new RouteMessage(RouteKind.Deleted, peer) { Number = (ulong)m.MessageCount });
                break;
            case QueueReply.Refused m:
                Answer(new RouteMessage(RouteKind.NotDone, peer) { Fault = m.Fault });
                break;
            default:
                Unhandled(reply);
                break;
        }
    }

    /// <summary>In pieces, so that other peers of the route get their turns in between.</summary>
    private void Deliver(IReadOnlyList<Delivery> deliveries)
    {
        var items = new List<RouteItem>();
        var bytes = 0;
        for (var i = 0; i < deliveries.Count; i++)
        {
            items.Add(ItemOf(deliveries[i].Tag, deliveries[i].Entry));
            bytes += deliveries[i].Entry.Message.SizeBytes + RouteItem.OverheadBytes;
            if (bytes >= MaxDeliverBytes || i == deliveries.Count - 1)
            {
                Answer(new RouteMessage(RouteKind.Deliver, peer) { Items = items });
                items = [];
                bytes = 0;
            }
        }
    }

    /// <summary>As many as may be shown at once; the first in any case.</summary>
    private static List<RouteItem> FirstOf(IEnumerable<RouteItem> entries)
    {
        var items = new List<RouteItem>();
        var bytes = 0;
        foreach (var entry in entries)
        {
            bytes += entry.Bytes.Length + RouteItem.OverheadBytes;
            if (items.Count > 0 && bytes > MaxPeekedBytes)
            {
                break;
            }

            items.Add(entry);
        }

        return items;
    }

    private void End(FrameFault fault)
    {
        Answer(new RouteMessage(RouteKind.PeerOver, peer) { Fault = fault });
        Context.Stop(Self);
    }

    private void Answer(RouteMessage message) => Context.Parent.Tell(message, Self);

    private static RouteRefusal[] RefusedOf(PublisherSignal.Answered answer) => answer switch
    {
        { Fault: null } => [],
        { Refused: { } parts } => [.. parts.Select(p => new RouteRefusal(p.First, p.Count, p.Fault))],
        { Fault: { } fault } => [new RouteRefusal(0, answer.Batch.Count, fault)],
    };

    private static FieldTable ArgumentsOf(RouteMessage message) =>
        message.Items is [var item] && FieldTable.TryRead(item.Bytes.Span, out var table, out _) ? table : FieldTable.Empty;

    private static int LengthOf(ulong value) => (int)Math.Min(value, int.MaxValue);

    private static RouteItem ItemOf(ulong tag, QueueEntry entry) =>
        new(tag, entry.Position, entry.DeliveryCount, entry.Message.Meta.Value, entry.Message.Bytes);
}
