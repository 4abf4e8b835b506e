using System.Diagnostics.CodeAnalysis;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Machines.Tests.Publishing;

/// <summary>Direct exchanges that a test binds. It counts how often it is asked.</summary>
internal sealed class FakeRouter : IRouter
{
    private readonly Dictionary<string, ExchangeMachine> _exchanges = [];
    private readonly Dictionary<(string Exchange, string Key), string[]> _routes = [];

    public long Version { get; private set; } = 1;

    public int Asked { get; private set; }

    /// <summary>Sets where a key leads, and with that makes the exchange known.</summary>
    public void Set(string exchange, string key, params string[] queues)
    {
        var machine = _exchanges.TryGetValue(exchange, out var known) ? known : _exchanges[exchange] = new ExchangeMachine(new ExchangeDefinition(exchange, ExchangeKind.Direct));
        foreach (var queue in QueuesOf(exchange, key))
        {
            machine.HandleUnbind(new Binding(exchange, queue, key));
        }

        foreach (var queue in _routes[(exchange, key)] = queues)
        {
            machine.HandleBind(new Binding(exchange, queue, key));
        }

        Version++;
    }

    public bool Has(string exchange) => _exchanges.ContainsKey(exchange);

    public string[] QueuesOf(string exchange, string key) => _routes.GetValueOrDefault((exchange, key), []);

    public bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes)
    {
        Asked++;
        routes = _exchanges.GetValueOrDefault(exchange)?.Snapshot();
        return routes is not null;
    }

    public bool HasQueue(string queue) => false;

    public bool IsLedHere(string queue) => false;
}
