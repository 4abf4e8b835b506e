using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Broker.Actors.Runtime;
using Broker.Machines.Topology;

namespace Broker.Actors.Queues;

/// <summary>A queue that can be reached on this node.</summary>
/// <param name="Definition">As declared.</param>
/// <param name="Actor">Who takes messages for it.</param>
/// <param name="Status">Its figures; nothing if another node leads it.</param>
/// <param name="IsLocal">Whether it lives here; otherwise the actor stands in for it.</param>
internal sealed record LocalQueue(QueueDefinition Definition, ActorRef Actor, QueueStatus Status, bool IsLocal = true)
{
    /// <summary>Its name with its vhost.</summary>
    public string Name => Definition.Name;

    /// <summary>Its number.</summary>
    public ulong Id => Definition.Id;

    /// <summary>Whether it outlives the process.</summary>
    public bool IsDurable => Definition.Durable;

    /// <summary>Whether it has an actor. If not, it is declared and about to be there again.</summary>
    public bool IsAvailable => !Actor.IsNobody;
}

/// <summary>The queues that can be reached on this node, for stream actors that want to reach one without asking anybody. Thread-safe.</summary>
internal sealed class QueueDirectory
{
    private readonly ConcurrentDictionary<string, LocalQueue> _queues = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<ulong, LocalQueue> _durable = new();
    private readonly Lock _ownedLock = new();
    private readonly Dictionary<string, HashSet<string>> _owned = new(StringComparer.Ordinal); // names of exclusive queues, by owner
    private long _version;

    /// <summary>Grows with every queue that comes or goes.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>All of them, by name.</summary>
    public IEnumerable<LocalQueue> Queues => _queues.Values.OrderBy(q => q.Name, StringComparer.Ordinal);

    /// <summary>The durable ones that live here, by number.</summary>
    public IEnumerable<LocalQueue> Durable => _durable.Values.OrderBy(q => q.Id);

    /// <summary>The exclusive ones.</summary>
    public IReadOnlyList<LocalQueue> Owned
    {
        get
        {
            lock (_ownedLock)
            {
                return Find(_owned.Values.SelectMany(names => names));
            }
        }
    }

    /// <summary>The exclusive ones of one connection.</summary>
    public IReadOnlyList<LocalQueue> OwnedBy(string owner)
    {
        lock (_ownedLock)
        {
            return [.. Find(_owned.TryGetValue(owner, out var names) ? names : []).Where(q => q.Definition.Owner == owner)]; // another owner may have the name by now
        }
    }

    public bool TryGet(string name, [MaybeNullWhen(false)] out LocalQueue queue) => _queues.TryGetValue(name, out queue);

    /// <summary>Finds a durable queue that lives here by its number.</summary>
    public bool TryGet(ulong id, [MaybeNullWhen(false)] out LocalQueue queue) => _durable.TryGetValue(id, out queue);

    /// <summary>By the queue's actor, when it starts.</summary>
    public void Add(LocalQueue queue)
    {
        _queues[queue.Name] = queue;
        Own(queue);
        if (queue is { IsDurable: true, IsLocal: true })
        {
            _durable[queue.Id] = queue;
        }

        Interlocked.Increment(ref _version);
    }

    /// <summary>By the queue's actor, when it ends and the queue does not: messages are still routed to it. A successor of the same name stays.</summary>
    public void Suspend(LocalQueue queue)
    {
        _durable.TryRemove(new KeyValuePair<ulong, LocalQueue>(queue.Id, queue));
        _queues.TryUpdate(queue.Name, queue with { Actor = ActorRef.NoSender, Status = new QueueStatus() }, queue);
    }

    /// <summary>The queue was deleted, wherever it lived.</summary>
    public void Forget(string name)
    {
        if (_queues.TryRemove(name, out var queue))
        {
            _durable.TryRemove(new KeyValuePair<ulong, LocalQueue>(queue.Id, queue));
            Disown(queue);
            Interlocked.Increment(ref _version);
        }
    }

    /// <summary>By the queue's actor, when it ends. A successor of the same name stays.</summary>
    public void Remove(LocalQueue queue)
    {
        _durable.TryRemove(new KeyValuePair<ulong, LocalQueue>(queue.Id, queue));
        if (_queues.TryRemove(new KeyValuePair<string, LocalQueue>(queue.Name, queue)))
        {
            Disown(queue);
            Interlocked.Increment(ref _version);
        }
    }

    private List<LocalQueue> Find(IEnumerable<string> names) =>
        [.. names.Select(name => _queues.GetValueOrDefault(name)).OfType<LocalQueue>().Where(q => q.Definition.Owner.Length > 0)];

    private void Own(LocalQueue queue)
    {
        if (queue.Definition.Owner is { Length: > 0 } owner)
        {
            lock (_ownedLock)
            {
                if (!_owned.TryGetValue(owner, out var names))
                {
                    _owned.Add(owner, names = new HashSet<string>(StringComparer.Ordinal));
                }

                names.Add(queue.Name);
            }
        }
    }

    private void Disown(LocalQueue queue)
    {
        if (queue.Definition.Owner is { Length: > 0 } owner)
        {
            lock (_ownedLock)
            {
                if (_owned.TryGetValue(owner, out var names) && names.Remove(queue.Name) && names.Count == 0)
                {
                    _owned.Remove(owner);
                }
            }
        }
    }
}
