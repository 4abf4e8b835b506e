using System.Text;
using Broker.Actors.Direct;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Streams;
using Broker.Machines.Consuming;
using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Actors.Consuming;

/// <summary>How a stream comes to what it consumes from: a queue, or an inbox of its own.</summary>
internal sealed partial class ConsumerStreamActor
{
    private QueueMessage.Subscribe? _subscribe; // what the queue is asked
    private string? _replyTo; // the inbox of the connection, if it is this stream's

    /// <summary>The address is the user's, or why not.</summary>
    private sealed record Claimed(string Name, FrameFault? Refusal);

    private FrameFault? HandleSubscribe(SubscribeFrame frame)
    {
        if (_state != State.Opened)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "SUBSCRIBE came twice; a consume stream is one subscription");
        }

        if (!SubscribeArguments.TryParse(frame.Arguments, out var arguments, out var invalid))
        {
            return invalid;
        }

        if (frame.Queue != DirectNames.ReplyTo && scope.Access.ReadQueue(frame.Queue) is { } refusal)
        {
            return refusal;
        }

        _state = State.Subscribed;
        _subscribing = true;
        _noAck = frame.Flags.HasFlag(SubscribeFlags.NoAck);
        _confirmSettles = frame.Flags.HasFlag(SubscribeFlags.ConfirmSettles);
        Status.Subject = frame.ConsumerTag.Length > 0 ? frame.ConsumerTag : MakeTag(frame.Queue);
        _subscribe = new QueueMessage.Subscribe(frame.Flags.HasFlag(SubscribeFlags.Exclusive), _noAck, maxMessageBytes, arguments.Priority);
        _credit.HandleCredit(frame.CreditMessages, frame.CreditBytes);
        return IsInbox(frame.Queue) ? OpenInbox(frame) : OpenQueue(scope.Entity(frame.Queue));
    }

    private FrameFault? OpenQueue(string name)
    {
        if (!Node.Queues.TryGet(name, out var queue))
        {
            return TopologyMachine.NoQueue(name);
        }

        if (QueueAccess.Check(name, queue.Definition.Owner, Node.OwnerOf(Status.Connection.Connection.Id)) is { } locked)
        {
            return locked;
        }

        if (!queue.IsAvailable)
        {
            return Node.QueueGone(name);
        }

        Begin(queue);
        return null;
    }

    private void Begin(LocalQueue queue)
    {
        _queue = queue;
        Context.Watch(queue.Actor);
        queue.Actor.Tell(_subscribe!, Self);
    }

    private FrameFault? OpenInbox(SubscribeFrame frame)
    {
        if (CheckInbox(frame) is { } fault)
        {
            return fault;
        }

        var connection = Status.Connection;
        if (frame.Queue == DirectNames.ReplyTo)
        {
            var name = Node.Inboxes.MakeReplyTo();
            if (!connection.TrySetReplyTo(name))
            {
                return new FrameFault(ErrorCode.ResourceLocked, $"another stream of this connection consumes from '{DirectNames.ReplyTo}'; a connection has one");
            }

            _replyTo = name;
            Begin(StartInbox(scope.Entity(name)));
            return null;
        }

        var address = scope.Entity(frame.Queue);
        Context.PipeTo(
            new ValueTask<FrameFault?>(Node.Addresses.ClaimAsync(address, connection.Identity.User)),
            refusal => new Claimed(address, refusal),
            failure => new Claimed(address, new FrameFault(ErrorCode.Unavailable, failure.Message)));
        return null;
    }

    private void HandleClaimed(Claimed claimed)
    {
        if (claimed.Refusal is { } refusal)
        {
            _subscribing = false;
            _state = State.Cancelled;
            Fail(refusal);
        }
        else if (_state == State.Subscribed)
        {
            Begin(StartInbox(claimed.Name));
        }
        else
        {
            _subscribing = false;
            StreamActor.Forget(new ValueTask(Node.Addresses.LeaveAsync(claimed.Name))); // the client has changed its mind meanwhile
            _cancelled = _state == State.Cancelling ? new FrameFault(ErrorCode.NoError, "") : null;
            _state = State.Cancelled;
        }
    }

    private string MakeTag(string queue)
    {
        var tag = $"{queue}-{Status.Id}";
        return Encoding.UTF8.GetByteCount(tag) <= ProtocolLimits.MaxNameBytes ? tag : $"consume-{Status.Id}";
    }

    /// <summary>Whether a SUBSCRIBE is about an inbox: the connection's answers, or an address.</summary>
    private static bool IsInbox(string queue) => queue == DirectNames.ReplyTo || queue.StartsWith(DirectNames.AddressPrefix, StringComparison.Ordinal);

    private static FrameFault? CheckInbox(SubscribeFrame frame) =>
        !frame.Flags.HasFlag(SubscribeFlags.NoAck)
            ? new FrameFault(ErrorCode.PreconditionFailed, $"messages from '{frame.Queue}' cannot be settled; subscribe with no-ack")
            : frame.Queue == DirectNames.ReplyTo ? null : DirectNames.Check(frame.Queue[DirectNames.AddressPrefix.Length..]);

    private LocalQueue StartInbox(string name)
    {
        var node = Node;
        var inbox = Context.ActorOf(Props.Create(() => new InboxActor(node, name)), "inbox");
        node.Inboxes.Add(name, inbox);
        return new LocalQueue(new QueueDefinition(name, Durable: false), inbox, new QueueStatus());
    }

    private void LeaveReplyTo()
    {
        if (_replyTo is not null)
        {
            Status.Connection.ClearReplyTo(_replyTo);
        }
    }
}
