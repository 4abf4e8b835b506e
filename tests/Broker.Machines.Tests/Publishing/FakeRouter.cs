using System.Collections.Immutable;
using Broker.Machines.Publishing;

namespace Broker.Machines.Tests.Publishing;

/// <summary>Routes that a test sets. It counts how often it is asked.</summary>
internal sealed class FakeRouter : IRouter
{
    private readonly Dictionary<(string Exchange, string Key), ImmutableArray<string>> _routes = [];

    public long Version { get; private set; } = 1;

    public int Asked { get; private set; }

    /// <summary>Sets where a key leads, and with that makes the exchange known.</summary>
    public void Set(string exchange, string key, params string[] queues)
    {
        _routes[(exchange, key)] = [.. queues];
        Version++;
    }

    public bool TryRoute(string exchange, string routingKey, out ImmutableArray<string> queues)
    {
        Asked++;
        queues = _routes.GetValueOrDefault((exchange, routingKey), []);
        return _routes.Keys.Any(r => r.Exchange == exchange);
    }
}
