namespace Broker.Actors.Topology;

/// <summary>
/// How far the nodes of a cluster have carried out what is declared, so that who is told that a binding is there can publish at any of them (docs/cluster.md, "Bindings and publishes"). Thread-safe.
/// </summary>
/// <remarks>The topology's actor says how far this node is, links say how far others are, and the cluster's actor says who is to be waited for.</remarks>
internal sealed class RouteBarrier
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _others = new(StringComparer.Ordinal);
    private readonly List<Action<long>> _listeners = [];
    private IReadOnlyCollection<string> _awaited = [];
    private long _applied;

    /// <summary>Called when another node is further, or another one is waited for; by whatever thread. Set before there are links.</summary>
    public Action Moved { get; set; } = () => { };

    /// <summary>The revision that this node is at; 0 at the beginning.</summary>
    public long Applied
    {
        get
        {
            lock (_lock)
            {
                return _applied;
            }
        }
    }

    /// <summary>This node routes by everything up to a revision.</summary>
    public void Advance(long revision)
    {
        Action<long>[] listeners;
        lock (_lock)
        {
            if (revision <= _applied)
            {
                return;
            }

            _applied = revision;
            listeners = [.. _listeners];
        }

        foreach (var listener in listeners)
        {
            listener(revision);
        }
    }

    /// <summary>By a link that another node has made: it is to be told how far this one is, now and whenever that changes.</summary>
    /// <returns>Ends it.</returns>
    public IDisposable Listen(Action<long> listener)
    {
        long applied;
        lock (_lock)
        {
            _listeners.Add(listener);
            applied = _applied;
        }

        if (applied > 0)
        {
            listener(applied);
        }

        return new Listening(this, listener);
    }

    /// <summary>By a link: another node routes by everything up to a revision.</summary>
    public void Note(string node, long revision)
    {
        lock (_lock)
        {
            if (revision <= _others.GetValueOrDefault(node))
            {
                return;
            }

            _others[node] = revision;
        }

        Moved();
    }

    /// <summary>By the cluster's actor: these other nodes count from now on.</summary>
    public void Await(IReadOnlyCollection<string> nodes)
    {
        lock (_lock)
        {
            if (_awaited.SequenceEqual(nodes, StringComparer.Ordinal))
            {
                return;
            }

            _awaited = nodes;
        }

        Moved();
    }

    /// <summary>Who is not that far yet, of those who count; empty if all are.</summary>
    public IReadOnlyList<string> Behind(long revision)
    {
        lock (_lock)
        {
            return [.. _awaited.Where(n => _others.GetValueOrDefault(n) < revision)];
        }
    }

    private sealed class Listening(RouteBarrier barrier, Action<long> listener) : IDisposable
    {
        public void Dispose()
        {
            lock (barrier._lock)
            {
                barrier._listeners.Remove(listener);
            }
        }
    }
}
