using Broker.Actors.Links;
using Broker.Actors.Queues;
using Broker.Actors.Routing;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Direct;
using Broker.Machines.Publishing;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Actors.Direct;

/// <summary>
/// The far end of a <see cref="RemoteInboxesActor"/>, at the node that has the inboxes; child of the stream's actor. What is handed to an inbox is answered at once: nothing of it is kept anyway.
/// </summary>
internal sealed class RoutedInboxesActor(NodeServices node, ShardSender sender) : Actor
{
    private readonly Queue<RouteMessage> _answers = new();
    private int _taken;

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ShardMessage m:
                _taken++;
                if (!RouteMessage.TryRead(m.Payload, out var route, out var fault))
                {
                    Context.Parent.Tell(new RoutedShardActor.Malformed(fault), Self);
                    return;
                }

                if (route.Kind == RouteKind.Inbox)
                {
                    HandOver(route);
                }

                break;
            case ShardRoom m:
                sender.HandleRoom(m);
                break;
            case PublisherSignal:
                break; // answered already
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void AfterBatch()
    {
        if (_taken > 0)
        {
            Context.Parent.Tell(new ShardTaken(_taken), Self);
            _taken = 0;
        }

        while (sender.HasRoom && _answers.TryDequeue(out var answer))
        {
            sender.TrySend(answer, answer.SizeBytes);
        }
    }

    private void HandOver(RouteMessage message)
    {
        RouteRefusal[] refused = [];
        if (DirectNames.IsInbox(message.Text) && node.Inboxes.TryGetHere(message.Text, out var inbox))
        {
            inbox.Tell(new QueueMessage.Enqueue(PublishBatch.Of(message.Text, null, message.Items)), Self);
        }
        else
        {
            refused = [new RouteRefusal(0, message.Items.Count, new FrameFault(ErrorCode.Unroutable, $"nobody consumes from '{EntityName.LocalOf(message.Text)}'"))];
        }

        _answers.Enqueue(new RouteMessage(RouteKind.Published, message.Peer) { Number = message.Number, Refused = refused });
    }
}
