using Broker.Actors.Queues;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Machines.Publishing;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Direct;

/// <summary>
/// Stands in for the inboxes of consumers that are connected to one other node: sends what is published to them over a route of their own. A message whose node cannot be reached is as if its consumer
/// were gone.
/// </summary>
/// <param name="name">The other node.</param>
/// <param name="route">A <see cref="RemoteShardActor"/> that is aimed at it.</param>
internal sealed class RemoteInboxesActor(string name, ActorRef route) : Actor
{
    private const ulong Peer = 1; // the only one of the route
    private const int MaxPartBytes = 64 << 10;
    private readonly Dictionary<ulong, Part> _parts = []; // that were not answered
    private ulong _lastPart;

    private sealed record Part(ActorRef Publisher, RemoteBatch Batch);

    protected override void PreStart() => Context.Describe(() => $"inboxes at {name}, {_parts.Count} batches under way");

    protected override void Receive(object message)
    {
        switch (message)
        {
            case QueueMessage.Enqueue m:
                Send(m.Batch);
                break;
            case RouteMessage { Kind: RouteKind.Published } m when _parts.Remove(m.Number, out var part):
                if (part.Batch.HandleAnswered(m.Number, m.Refused) is { } whole)
                {
                    part.Publisher.Tell(whole, Self);
                }

                break;
            case RouteMessage:
                break; // to what was given up
            case RouteCommand.Lost m:
                GiveUp(m.Reason);
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Send(PublishBatch batch)
    {
        var pending = new RemoteBatch(batch);
        var messages = batch.Messages.Span;
        var items = new List<RouteItem>();
        var (first, bytes) = (0, 0);
        for (var i = 0; i < messages.Length; i++)
        {
            items.Add(new RouteItem(0, 0, 0, messages[i].Meta.Value, messages[i].Bytes));
            bytes += messages[i].SizeBytes + RouteItem.OverheadBytes;
            if (bytes >= MaxPartBytes || i == messages.Length - 1 || messages[i + 1].SizeBytes >= MaxPartBytes)
            {
                pending.Add(++_lastPart, first, items.Count);
                _parts.Add(_lastPart, new Part(Sender, pending));
                route.Tell(new RouteCommand.Forward("", new RouteMessage(RouteKind.Inbox, Peer) { Number = _lastPart, Text = batch.Queue, Items = items }), Self);
                (first, bytes, items) = (i + 1, 0, []);
            }
        }
    }

    private void GiveUp(string reason)
    {
        var fault = new FrameFault(ErrorCode.Unroutable, $"node '{name}' cannot be reached: {reason}");
        foreach (var part in _parts.Values.DistinctBy(p => p.Batch))
        {
            part.Publisher.Tell(part.Batch.Abandon(fault), Self);
        }

        _parts.Clear();
    }
}
