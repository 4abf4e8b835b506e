using System.Diagnostics.CodeAnalysis;
using Broker.Actors.Runtime;
using Broker.Machines.Queues;

namespace Broker.Actors.Queues;

/// <summary>Who publishes and consumes: the machine knows them by numbers.</summary>
internal sealed partial class QueueActor
{
    private Dictionary<ActorRef, long>? _idOfPeer; // made with the first, as is the next
    private Dictionary<long, ActorRef>? _peerOfId;
    private long _lastId;

    private void Tell(long peer, object message)
    {
        if (TryFindPeer(peer, out var actor))
        {
            actor.Tell(message, Self);
        }
    }

    private long IdOfSender() => IdOf(Sender);

    private bool TryFindPeer(long id, [MaybeNullWhen(false)] out ActorRef peer)
    {
        peer = null;
        return _peerOfId is not null && _peerOfId.TryGetValue(id, out peer);
    }

    private long IdOf(ActorRef peer)
    {
        _idOfPeer ??= [];
        if (!_idOfPeer.TryGetValue(peer, out var id))
        {
            id = ++_lastId;
            _idOfPeer.Add(peer, id);
            (_peerOfId ??= []).Add(id, peer);
            Context.Watch(peer);
        }

        return id;
    }

    private void HandleGone(ActorRef peer)
    {
        if (_idOfPeer is not null && _idOfPeer.Remove(peer, out var id))
        {
            _peerOfId!.Remove(id);
            Machine.HandleConsumerGone(new ConsumerId(id));
            Machine.HandlePublisherGone(new PublisherId(id));
        }
    }
}
