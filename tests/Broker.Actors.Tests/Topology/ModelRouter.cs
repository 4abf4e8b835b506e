using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Actors.Tests.Topology;

/// <summary>The routes that follow from what is declared.</summary>
internal sealed class ModelRouter(TopologyMachine topology) : IRouter
{
    private readonly Dictionary<string, ExchangeRoutes> _routes = [];

    public long Version => 1;

    public IReadOnlyList<string> Route(string exchange, string key)
    {
        var walk = new RouteWalk(this);
        var message = new RoutedMessage(key, default, draw: 0);
        walk.Follow(exchange, ref message, byBroker: true);
        return [.. walk.Result.Queues.Order(StringComparer.Ordinal)];
    }

    public bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes)
    {
        if (!_routes.TryGetValue(exchange, out routes) && topology.TryGetExchange(exchange, out var definition))
        {
            var machine = new ExchangeMachine(definition);
            foreach (var binding in topology.BindingsOf(exchange))
            {
                machine.HandleBind(binding);
            }

            _routes[exchange] = routes = machine.Snapshot();
        }

        return routes is not null;
    }

    public bool HasQueue(string queue) => topology.HasQueue(queue);

    public bool IsLedHere(string queue) => false;
}
