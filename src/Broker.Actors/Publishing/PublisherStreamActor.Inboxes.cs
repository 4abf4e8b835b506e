using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Direct;
using Broker.Machines.Publishing;
using Broker.Protocol;

namespace Broker.Actors.Publishing;

/// <summary>Messages that go to consumers without a queue, and those that ask for an answer.</summary>
internal sealed partial class PublisherStreamActor
{
    private readonly Dictionary<PublishBatch, ActorRef> _toInboxes = []; // and not answered. Who takes messages for an inbox may change at any time, so nothing else is kept of it

    private FrameFault? HandlePublish(ulong sequence, PublishFlags flags, ReadOnlySpan<byte> message)
    {
        if (ReplyToRewrite.MayAsk(message))
        {
            if (Status.Connection.ReplyTo is not { } replyTo)
            {
                return _machine.HandleRefused(
                    sequence,
                    new FrameFault(ErrorCode.PreconditionFailed, $"reply-to is '{DirectNames.ReplyTo}', and no stream of this connection consumes from it; subscribe first"));
            }

            message = ReplyToRewrite.TryRewrite(message, replyTo) ?? message;
        }

        return _machine.HandlePublish(sequence, flags.HasFlag(PublishFlags.Mandatory), flags.HasFlag(PublishFlags.Durable), message);
    }

    private bool TrySendToInbox(PublishBatch batch)
    {
        if (!DirectNames.IsInbox(batch.Queue))
        {
            return false;
        }

        if (Node.Inboxes.TryGet(batch.Queue, out var inbox))
        {
            _toInboxes.Add(batch, inbox);
            Context.Watch(inbox);
            inbox.Tell(new QueueMessage.Enqueue(batch), Self);
        }
        else
        {
            _machine.HandleAnswered(batch, NotTaken(batch.Queue), wasParked: false); // it was there when the route was looked up
        }

        return true;
    }

    private void HandleInboxGone(ActorRef inbox)
    {
        foreach (var (batch, _) in _toInboxes.Where(b => b.Value == inbox).ToList())
        {
            _toInboxes.Remove(batch);
            _machine.HandleAnswered(batch, NotTaken(batch.Queue), wasParked: false);
        }
    }
}
