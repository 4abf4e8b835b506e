using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;

namespace Broker.Actors.Publishing;

/// <summary>
/// The producers with a lasting name that this node knows: how far each is, and which stream speaks for it now, for there is one at a time. Thread-safe.
/// </summary>
internal sealed class ProducerDirectory
{
    private const int Capacity = 65_536;
    private readonly Lock _lock = new();
    private readonly ProducerTable _table = new(Capacity);
    private readonly Dictionary<string, ActorRef> _streams = new(StringComparer.Ordinal);

    /// <summary>The name under which a user's producer is known: one user cannot take another's.</summary>
    /// <param name="user">The user.</param>
    /// <param name="producerId">Its name for the producer, with the vhost (<see cref="Broker.Machines.Topology.EntityName"/>): it is another one in each.</param>
    public static string NameOf(string user, string producerId) => $"{user}\n{producerId}";

    /// <summary>A producer has come so far.</summary>
    public void Note(in ProducerMark mark)
    {
        lock (_lock)
        {
            _table.Set(mark with { Refused = null }); // which each queue has of its own
        }
    }

    /// <summary>The highest sequence that was seen of a producer; 0 if it is not known.</summary>
    public ulong LastSequenceOf(string producer)
    {
        lock (_lock)
        {
            return _table.LastSequenceOf(producer);
        }
    }

    /// <summary>From now on this stream speaks for the producer.</summary>
    /// <returns>The stream that did before, which is to end; <c>null</c> if none did.</returns>
    public ActorRef? Claim(string producer, ActorRef stream)
    {
        lock (_lock)
        {
            _streams.Remove(producer, out var before);
            _streams.Add(producer, stream);
            return before == stream ? null : before;
        }
    }

    /// <summary>The stream has ended.</summary>
    public void Release(string producer, ActorRef stream)
    {
        lock (_lock)
        {
            if (_streams.TryGetValue(producer, out var current) && current == stream)
            {
                _streams.Remove(producer);
            }
        }
    }
}
