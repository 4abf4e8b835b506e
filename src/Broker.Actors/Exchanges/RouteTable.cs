using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Broker.Actors.Direct;
using Broker.Actors.Queues;
using Broker.Machines.Direct;
using Broker.Machines.Routing;

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
    /// <remarks>Counts queues and inboxes too, because the default exchanges route by their names. All parts only grow, so their sum never repeats.</remarks>
    public long Version => Volatile.Read(ref _version) + queues.Version + inboxes.Version;

    /// <summary>The exchanges that route, by their names with their vhosts.</summary>
    public IEnumerable<string> Exchanges => _routes.Keys;

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
    public bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes) => _routes.TryGetValue(exchange, out routes);

    /// <inheritdoc/>
    /// <remarks>An inbox counts as one.</remarks>
    public bool HasQueue(string queue) => queues.TryGet(queue, out _) || (DirectNames.IsInbox(queue) && inboxes.TryGet(queue, out _));

    /// <inheritdoc/>
    public bool IsLedHere(string queue) => queues.TryGet(queue, out var found) && found.IsLocal;
}
