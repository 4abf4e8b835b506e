using Broker.Actors.Links;
using Broker.Actors.Runtime;

namespace Broker.Actors.Cluster;

/// <summary>To subscribers of <see cref="NodeLinks"/>: there is a link to this node from now on, a <see cref="NodeLinkActor"/>, up or down; subscribe to it to hear which.</summary>
internal sealed record LinkAdded(string Node, ActorRef Link);

/// <summary>To subscribers of <see cref="NodeLinks"/>: the link is gone, because its node is no longer of the cluster, or was replaced by another one.</summary>
internal sealed record LinkRemoved(string Node, ActorRef Link);

/// <summary>The links of this node to all others. Thread-safe; written by the cluster's actor.</summary>
internal sealed class NodeLinks
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (ActorRef Link, LinkStatus Status)> _links = new(StringComparer.Ordinal);
    private readonly List<ActorRef> _subscribers = [];

    /// <summary>All of them, by the node's name.</summary>
    public IReadOnlyList<LinkStatus> Statuses
    {
        get
        {
            lock (_lock)
            {
                return [.. _links.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => l.Value.Status)];
            }
        }
    }

    /// <summary>The link to a node; <c>null</c> if there is none.</summary>
    public ActorRef? Find(string node)
    {
        lock (_lock)
        {
            return _links.TryGetValue(node, out var found) ? found.Link : null;
        }
    }

    /// <summary>Where a node says that it listens; empty if that is not known.</summary>
    public string AddressOf(string node)
    {
        lock (_lock)
        {
            return _links.TryGetValue(node, out var found) && found.Status.Addresses.Count > 0 ? found.Status.Addresses[0] : "";
        }
    }

    /// <summary>A node says where it listens, best first. No effect while there is no link to it.</summary>
    public void SetAddresses(string node, IReadOnlyList<string> addresses)
    {
        lock (_lock)
        {
            if (_links.TryGetValue(node, out var found))
            {
                found.Status.Addresses = addresses;
            }
        }
    }

    public void Add(string node, ActorRef link, LinkStatus status)
    {
        lock (_lock)
        {
            _links.Add(node, (link, status));
            _subscribers.ForEach(s => s.Tell(new LinkAdded(node, link)));
        }
    }

    public void Remove(string node)
    {
        lock (_lock)
        {
            if (_links.Remove(node, out var removed))
            {
                _subscribers.ForEach(s => s.Tell(new LinkRemoved(node, removed.Link)));
            }
        }
    }

    /// <summary>The actor is told <see cref="LinkAdded"/> of all links that there are and will be, and <see cref="LinkRemoved"/>.</summary>
    public void Subscribe(ActorRef subscriber)
    {
        lock (_lock)
        {
            _subscribers.Add(subscriber);
            foreach (var (node, (link, _)) in _links)
            {
                subscriber.Tell(new LinkAdded(node, link));
            }
        }
    }
}
