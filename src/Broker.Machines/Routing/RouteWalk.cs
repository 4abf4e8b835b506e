using Broker.Machines.Direct;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>What became of a message at the exchange that it was published to.</summary>
public enum RouteStatus
{
    /// <summary>It goes to the queues that were found, if any.</summary>
    Routed,

    /// <summary>There is no such exchange.</summary>
    NoExchange,

    /// <summary>The exchange is internal.</summary>
    Internal,
}

/// <summary>
/// Follows a message from the exchange that it is published to, over bindings between exchanges and alternate exchanges, to queues. Each exchange is visited once, so cycles do no harm, and each queue
/// is found once. For one stream: it keeps scratch space.
/// </summary>
/// <remarks>An alternate exchange is for what no binding of the exchange itself matches, be it to a queue or to an exchange, as in RabbitMQ.</remarks>
public sealed class RouteWalk
{
    private readonly IRouter _router;
    private readonly Matches _matches;
    private readonly HashSet<string> _visited = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<string> _queues = [];
    private readonly Queue<string> _open = new();
    private readonly Queue<string> _delayed = new();

    /// <param name="router">The node's routes.</param>
    public RouteWalk(IRouter router)
    {
        ArgumentNullException.ThrowIfNull(router);
        _router = router;
        _matches = new Matches(router.IsLedHere);
    }

    /// <summary>Where the last message goes.</summary>
    public RouteResult Result { get; private set; } = new([], 0);

    /// <summary>
    /// Whether the last result is right for every message with the same exchange and routing key, no further keys and no delay header, as long as <see cref="IRouter.Version"/> stands.
    /// </summary>
    public bool DependsOnKeyAlone { get; private set; }

    /// <summary>Finds where a message goes.</summary>
    /// <param name="exchange">The exchange, with its vhost.</param>
    /// <param name="message">The message.</param>
    /// <param name="byBroker">It is not a client who publishes, so the exchange may be internal.</param>
    public RouteStatus Follow(string exchange, ref RoutedMessage message, bool byBroker = false)
    {
        Result = new([], 0);
        DependsOnKeyAlone = true;
        if (TopologyNames.IsDefault(exchange))
        {
            return FollowDefault(exchange, ref message);
        }

        if (EntityName.LocalOf(exchange) == DirectNames.AddressExchange)
        {
            var inbox = EntityName.Beside(exchange, DirectNames.AddressPrefix + message.RoutingKey);
            Result = _router.HasQueue(inbox) ? new([inbox], 1) : new([], 0);
            return RouteStatus.Routed;
        }

        if (!_router.TryFind(exchange, out var first))
        {
            return RouteStatus.NoExchange;
        }

        if (first.Definition.Internal && !byBroker)
        {
            return RouteStatus.Internal;
        }

        if (TryFollowSimple(first, ref message))
        {
            return RouteStatus.Routed;
        }

        _queues.Clear();
        _visited.Clear();
        _known.Clear();
        _visited.Add(exchange);
        Take(first, ref message, isDelayed: false);
        Visit(_open, ref message, isDelayed: false);
        var atOnce = _queues.Count;
        Visit(_delayed, ref message, isDelayed: true);
        Result = new([.. _queues], atOnce);
        return RouteStatus.Routed;
    }

    /// <summary>Finds where a message goes that the broker itself publishes, such as a dead letter: exchanges may be internal, and one that is not there leads nowhere.</summary>
    /// <param name="exchange">The exchange, with its vhost.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message's encoding, which was checked when it came.</param>
    /// <param name="draw">What random exchanges draw by; each message should have another.</param>
    public RouteResult FollowFromBroker(string exchange, string routingKey, ReadOnlySpan<byte> message, ulong draw)
    {
        Invariant.That(MessageView.TryParse(message, out var view, out _), "a message was checked when it came");
        var headers = RoutingHeaders.None;
        if (PropertiesView.TryParse(view.Properties, out var properties, out _) && RoutingHeaders.AreIn(properties) && RoutingHeaders.TryRead(view.Properties, out var found, out _))
        {
            headers = found;
        }

        var routed = new RoutedMessage(routingKey, view.Properties, draw) { MoreKeys = headers.Keys, HasDelayHeader = headers.Delays };
        Follow(exchange, ref routed, byBroker: true);
        return Result;
    }

    private RouteStatus FollowDefault(string exchange, ref RoutedMessage message)
    {
        if (message.MoreKeys.Count == 0)
        {
            var queue = EntityName.Beside(exchange, message.RoutingKey);
            Result = _router.HasQueue(queue) ? new([queue], 1) : new([], 0);
            return RouteStatus.Routed;
        }

        _queues.Clear();
        _known.Clear();
        AddByName(exchange, ref message);
        Result = new([.. _queues], _queues.Count);
        return RouteStatus.Routed;
    }

    /// <summary>The usual case: the bindings of one exchange lead to queues, and to each by one way.</summary>
    private bool TryFollowSimple(ExchangeRoutes routes, ref RoutedMessage message)
    {
        _matches.Clear();
        routes.Match(ref message, _matches);
        DependsOnKeyAlone = routes.DependsOnKeyAlone;
        if (_matches is not { Sets: [var only], Singles.Count: 0 } || !only.Exchanges.IsEmpty || routes.Definition.Kind == ExchangeKind.Delayed)
        {
            return false;
        }

        Result = new(only.Queues, only.Queues.Length);
        return true;
    }

    private void Visit(Queue<string> open, ref RoutedMessage message, bool isDelayed)
    {
        while (open.TryDequeue(out var exchange))
        {
            if (!_visited.Add(exchange))
            {
                continue;
            }

            if (TopologyNames.IsDefault(exchange))
            {
                AddByName(exchange, ref message); // an alternate
            }
            else if (_router.TryFind(exchange, out var routes))
            {
                _matches.Clear();
                routes.Match(ref message, _matches);
                DependsOnKeyAlone &= routes.DependsOnKeyAlone;
                Take(routes, ref message, isDelayed);
            }
        }
    }

    /// <summary>Takes what the exchange has matched. What is behind a delayed exchange comes after all that is not: who is reached both ways is reached at once.</summary>
    private void Take(ExchangeRoutes routes, ref RoutedMessage message, bool isDelayed)
    {
        var delays = routes.Definition.Kind == ExchangeKind.Delayed && message.HasDelayHeader && !isDelayed;
        if (delays)
        {
            _visited.Remove(routes.Definition.Name); // to be visited again, behind everything else
            _delayed.Enqueue(routes.Definition.Name);
            return;
        }

        var open = isDelayed ? _delayed : _open;
        if (_matches.IsEmpty && routes.Alternate is { } alternate)
        {
            open.Enqueue(alternate);
        }

        foreach (var set in _matches.Sets)
        {
            foreach (var queue in set.Queues)
            {
                AddQueue(queue);
            }

            foreach (var exchange in set.Exchanges)
            {
                open.Enqueue(exchange);
            }
        }

        foreach (var single in _matches.Singles)
        {
            if (single.Kind == DestinationKind.Queue)
            {
                AddQueue(single.Name);
            }
            else
            {
                open.Enqueue(single.Name);
            }
        }
    }

    private void AddByName(string exchange, ref RoutedMessage message)
    {
        AddIfThere(EntityName.Beside(exchange, message.RoutingKey));
        foreach (var key in message.MoreKeys)
        {
            AddIfThere(EntityName.Beside(exchange, key));
        }
    }

    private void AddIfThere(string queue)
    {
        if (_router.HasQueue(queue))
        {
            AddQueue(queue);
        }
    }

    private void AddQueue(string queue)
    {
        if (_known.Add(queue))
        {
            _queues.Add(queue);
        }
    }
}
