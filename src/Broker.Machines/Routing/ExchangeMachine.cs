using System.Collections.Immutable;

namespace Broker.Machines.Routing;

/// <summary>Tells where one exchange sends a routing key. Immutable, so every stream actor of the node routes with it and takes no lock.</summary>
public abstract class ExchangeRoutes
{
    private protected ExchangeRoutes()
    {
    }

    /// <summary>The queues for a key, each once, in the order in which they were bound. Empty: unroutable.</summary>
    public abstract ImmutableArray<string> Route(string routingKey);

    internal sealed class Direct(ImmutableDictionary<string, ImmutableArray<string>> byKey) : ExchangeRoutes
    {
        public override ImmutableArray<string> Route(string routingKey) => byKey.GetValueOrDefault(routingKey, []);
    }

    internal sealed class Fanout(ImmutableArray<string> queues) : ExchangeRoutes
    {
        public override ImmutableArray<string> Route(string routingKey) => queues;
    }
}

/// <summary>The bindings of one exchange, and the routes that follow from them.</summary>
/// <remarks>
/// Adding or removing a binding costs O(log n) in the number of keys, and O(m) in the number of queues bound with that one key; in a fanout exchange, in the number of
/// all its queues.
/// </remarks>
public sealed class ExchangeMachine(ExchangeKind kind)
{
    private readonly Dictionary<string, int> _bindingsPerQueue = []; // fanout: a queue bound with two keys still gets one copy
    private ImmutableDictionary<string, ImmutableArray<string>> _byKey = ImmutableDictionary.Create<string, ImmutableArray<string>>(StringComparer.Ordinal);
    private ImmutableArray<string> _queues = [];

    /// <summary>How the exchange routes.</summary>
    public ExchangeKind Kind => kind;

    /// <summary>Number of bindings.</summary>
    public int BindingCount { get; private set; }

    /// <summary>The routes as of now.</summary>
    public ExchangeRoutes Snapshot() => kind switch
    {
        ExchangeKind.Direct => new ExchangeRoutes.Direct(_byKey),
        ExchangeKind.Fanout => new ExchangeRoutes.Fanout(_queues),
        _ => throw new InvariantViolationException($"exchange kind {kind}"),
    };

    /// <summary>Adds a binding.</summary>
    /// <returns><c>false</c> if it was there.</returns>
    public bool HandleBind(string queue, string routingKey)
    {
        var bound = _byKey.GetValueOrDefault(routingKey, []);
        if (bound.Contains(queue, StringComparer.Ordinal))
        {
            return false;
        }

        _byKey = _byKey.SetItem(routingKey, bound.Add(queue));
        BindingCount++;
        if (kind == ExchangeKind.Fanout)
        {
            AddToFanout(queue);
        }

        return true;
    }

    /// <summary>Removes a binding.</summary>
    /// <returns><c>false</c> if it was not there.</returns>
    public bool HandleUnbind(string queue, string routingKey)
    {
        var bound = _byKey.GetValueOrDefault(routingKey, []);
        var rest = bound.Remove(queue, StringComparer.Ordinal);
        if (rest.Length == bound.Length)
        {
            return false;
        }

        _byKey = rest.IsEmpty ? _byKey.Remove(routingKey) : _byKey.SetItem(routingKey, rest);
        BindingCount--;
        if (kind == ExchangeKind.Fanout)
        {
            RemoveFromFanout(queue);
        }

        return true;
    }

    private void AddToFanout(string queue)
    {
        var count = _bindingsPerQueue.GetValueOrDefault(queue);
        _bindingsPerQueue[queue] = count + 1;
        if (count == 0)
        {
            _queues = _queues.Add(queue);
        }
    }

    private void RemoveFromFanout(string queue)
    {
        if (--_bindingsPerQueue[queue] == 0)
        {
            _bindingsPerQueue.Remove(queue);
            _queues = _queues.Remove(queue, StringComparer.Ordinal);
        }
    }
}
