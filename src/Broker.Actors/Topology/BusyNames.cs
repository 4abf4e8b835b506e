using System.Diagnostics.CodeAnalysis;
using Broker.Actors.Runtime;
using Broker.Machines.Topology;

namespace Broker.Actors.Topology;

/// <summary>Names that operations under way touch, and the requests that wait for their end: what those come to depends on how that ends.</summary>
internal sealed class BusyNames
{
    private readonly Dictionary<string, Queue<(TopologyRequest Request, ActorRef Sender)>> _names = new(StringComparer.Ordinal);

    /// <summary>Puts a request behind an operation that touches one of its names.</summary>
    /// <returns><c>false</c> if none does: it may begin.</returns>
    public bool TryWait(TopologyRequest request, ActorRef requester)
    {
        foreach (var name in request.Touched)
        {
            if (_names.TryGetValue(name, out var waiting) || _names.TryGetValue(VhostOf(name), out waiting) || (request is TopologyRequest.RemoveVhost && TryFindIn(name, out waiting)))
            {
                waiting.Enqueue((request, requester));
                return true;
            }
        }

        return false;
    }

    /// <summary>What is in a vhost waits while the vhost comes or goes.</summary>
    private static string VhostOf(string touched) => touched[0] == 'v' ? touched : "v" + EntityName.VhostOf(touched[1..]);

    private bool TryFindIn(string vhost, [MaybeNullWhen(false)] out Queue<(TopologyRequest, ActorRef)> waiting)
    {
        waiting = _names.FirstOrDefault(n => VhostOf(n.Key) == vhost).Value;
        return waiting is not null;
    }

    /// <summary>An operation begins that touches these names.</summary>
    public void Take(IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            _names.TryAdd(name, new Queue<(TopologyRequest, ActorRef)>());
        }
    }

    /// <summary>An operation that touched these names has ended.</summary>
    /// <returns>Those that waited for it, in order. They are to be handled as if they came now.</returns>
    public IReadOnlyList<(TopologyRequest Request, ActorRef Sender)> Release(IReadOnlyList<string> names)
    {
        var waiting = new List<(TopologyRequest, ActorRef)>();
        foreach (var name in names)
        {
            if (_names.Remove(name, out var requests))
            {
                waiting.AddRange(requests);
            }
        }

        return waiting;
    }
}
