using System.Collections.Concurrent;
using System.Collections.Immutable;
using Broker.Actors.Direct;
using Broker.Actors.Queues;
using Broker.Machines.Direct;
using Broker.Machines.Publishing;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Actors.Exchanges;

/// <summary>
/// The node's copy of all routes, published by the exchange actors and read by every publisher stream without asking anybody. Thread-safe.
/// </summary>
/// <remarks>An exchange actor publishes before it answers the bind, so a publish that starts after a bind was confirmed sees that bind.</remarks>
internal sealed class RouteTable(QueueDirectory queues, Inboxes inboxes) : IRouter
{
    private readonly ConcurrentDictionary<string, ExchangeRoutes> _routes = new(StringComparer.Ordinal);
    private long _version;

    /// <inheritdoc/>
    /// <remarks>Counts queues and inboxes too, because the default exchange routes by their names. All parts only grow, so their sum never repeats.</remarks>
    public long Version => Volatile.Read(ref _version) + queues.Version + inboxes.Version;

    public void Publish(string exchange, ExchangeRoutes routes)
    {
        _routes[exchange] = routes;
        Interlocked.Increment(ref _version);
    }

    public void Remove(string exchange)
    {
        _routes.TryRemove(exchange, out _);
        Interlocked.Increment(ref _version);
    }

    /// <inheritdoc/>
    public bool TryRoute(string exchange, string routingKey, out ImmutableArray<string> targets)
    {
        if (exchange == TopologyNames.DefaultExchange)
        {
            targets = queues.TryGet(routingKey, out var queue) ? [queue.Name] : InboxOf(routingKey);
            return true;
        }

        if (exchange == DirectNames.AddressExchange)
        {
            targets = InboxOf(DirectNames.AddressPrefix + routingKey);
            return true;
        }

        if (_routes.TryGetValue(exchange, out var routes))
        {
            targets = routes.Route(routingKey);
            return true;
        }

        targets = [];
        return false;
    }

    private ImmutableArray<string> InboxOf(string name) => DirectNames.IsInbox(name) && inboxes.TryGet(name, out _) ? [name] : [];
}
