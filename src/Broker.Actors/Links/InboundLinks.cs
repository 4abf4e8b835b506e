using Broker.Actors.Runtime;

namespace Broker.Actors.Links;

/// <summary>
/// Which connections other nodes have to this one. A node that dials again has lost its old connection, which may not be known here yet; as long as that one's streams still hand out messages,
/// those of the new one must not. Thread-safe.
/// </summary>
internal sealed class InboundLinks
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<ActorRef>> _links = [];

    /// <summary>Adds a connection of a node.</summary>
    /// <returns>The node's other ones, which are to end first.</returns>
    public IReadOnlyList<ActorRef> Enter(string node, ActorRef link)
    {
        lock (_gate)
        {
            if (!_links.TryGetValue(node, out var links))
            {
                _links[node] = links = [];
            }

            List<ActorRef> others = [.. links];
            links.Add(link);
            return others;
        }
    }

    /// <summary>By who knows that this node has begun another life: all connections end, so that who dials again hears of it.</summary>
    public void EndAll()
    {
        lock (_gate)
        {
            foreach (var link in _links.Values.SelectMany(l => l))
            {
                link.Tell(IncomingLinkActor.LifeEnded.Instance);
            }
        }
    }

    /// <summary>By a connection whose streams have all ended.</summary>
    public void Leave(string node, ActorRef link)
    {
        lock (_gate)
        {
            if (_links.TryGetValue(node, out var links) && links.Remove(link) && links.Count == 0)
            {
                _links.Remove(node);
            }
        }
    }
}
