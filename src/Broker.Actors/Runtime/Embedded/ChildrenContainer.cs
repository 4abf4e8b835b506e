namespace Broker.Actors.Runtime.Embedded;

/// <summary>
/// Children of a cell by name. The cell changes it in its turn; a child takes itself out when it has terminated; the hierarchy and
/// <see cref="ActorSystem.ActorOf"/> come from any thread. Hence the lock, which no message takes.
/// </summary>
internal sealed class ChildrenContainer
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ChildRecord> _byName = [];
    private long _generatedNames;
    private bool _closed;

    /// <summary>For every actor that stops without ever having had a child.</summary>
    public static ChildrenContainer ClosedEmpty { get; } = new() { _closed = true };

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _byName.Count;
            }
        }
    }

    /// <summary>Adds a child that the factory makes for the final name.</summary>
    public LocalActorRef Add(ActorPath parent, string? name, Func<string, LocalActorRef> factory)
    {
        lock (_lock)
        {
            if (_closed)
            {
                throw new InvalidOperationException($"{parent} is stopping and starts no child.");
            }

            name ??= "$" + (++_generatedNames).ToString(System.Globalization.CultureInfo.InvariantCulture);
            if (_byName.ContainsKey(name))
            {
                throw new ActorNameException(parent, name);
            }

            var child = factory(name);
            _byName.Add(name, new ChildRecord(child));
            return child;
        }
    }

    public void Remove(LocalActorRef child)
    {
        lock (_lock)
        {
            _byName.Remove(child.Path.Name);
        }
    }

    public ChildRecord? Find(string name)
    {
        lock (_lock)
        {
            return _byName.GetValueOrDefault(name);
        }
    }

    public ChildRecord? Find(LocalActorRef child) => Find(child.Path.Name) is { } found && found.Ref == child ? found : null;

    /// <summary>In the order in which they were added, as long as none was removed.</summary>
    public ChildRecord[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _byName.Values];
        }
    }

    public bool AnyStopping()
    {
        lock (_lock)
        {
            foreach (var child in _byName.Values)
            {
                if (child.Stopping)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>From now on <see cref="Add"/> throws.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
        }
    }
}
