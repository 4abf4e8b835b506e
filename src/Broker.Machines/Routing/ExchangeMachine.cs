using Broker.Machines.Topology;

namespace Broker.Machines.Routing;

/// <summary>The bindings of one exchange, and the routes that follow from them.</summary>
/// <remarks>Adding or removing a binding costs O(log n) in the number of bindings and, in a topic exchange, as much for each word of its key.</remarks>
public sealed class ExchangeMachine(ExchangeDefinition definition)
{
    private readonly Dictionary<Binding, long> _places = [];
    private BindingIndex _index = BindingIndex.Of(definition);
    private string? _alternate = definition.Arguments.AlternateExchange;
    private long _nextPlace;

    /// <summary>The exchange.</summary>
    public ExchangeDefinition Definition => definition;

    /// <summary>Number of bindings.</summary>
    public int BindingCount => _places.Count;

    /// <summary>The routes as of now.</summary>
    public ExchangeRoutes Snapshot() => new(definition, _alternate, _index);

    /// <summary>Adds a binding, which <see cref="TopologyMachine"/> has checked.</summary>
    /// <returns><c>false</c> if it was there.</returns>
    public bool HandleBind(Binding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if (!_places.TryAdd(binding, _nextPlace))
        {
            return false;
        }

        _index = _index.Add(binding, _nextPlace++);
        return true;
    }

    /// <summary>Removes a binding.</summary>
    /// <returns><c>false</c> if it was not there.</returns>
    public bool HandleUnbind(Binding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        if (!_places.Remove(binding, out var place))
        {
            return false;
        }

        _index = _index.Remove(binding, place);
        return true;
    }

    /// <summary>A policy says where messages go that no binding matches. What the declaration says goes before it.</summary>
    /// <param name="exchange">The name of an exchange within the vhost; <c>null</c>: the policy says nothing.</param>
    /// <returns><c>false</c> if nothing changes by that.</returns>
    public bool HandleAlternate(string? exchange)
    {
        var before = _alternate;
        _alternate = definition.Arguments.AlternateExchange ?? exchange;
        return _alternate != before;
    }
}
