using Broker.Machines.Queues;

namespace Broker.Machines.Policies;

/// <summary>The policies of all vhosts as they are at one time, either those of users or those of operators. Immutable.</summary>
public sealed class PolicySet
{
    private readonly Dictionary<string, Policy[]> _byVhost; // in the order in which they are asked

    /// <param name="policies">With one of a name in a vhost at most.</param>
    public PolicySet(IEnumerable<Policy> policies) => _byVhost = policies
        .GroupBy(p => p.Vhost, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => (Policy[])[.. g.OrderByDescending(p => p.Priority).ThenBy(p => p.Name, StringComparer.Ordinal)], StringComparer.Ordinal);

    /// <summary>No policies.</summary>
    public static PolicySet None { get; } = new([]);

    /// <summary>All policies, by vhost and name.</summary>
    public IEnumerable<Policy> All => _byVhost.OrderBy(v => v.Key, StringComparer.Ordinal).SelectMany(v => v.Value.OrderBy(p => p.Name, StringComparer.Ordinal));

    /// <summary>The policy for a queue: of those that match, that with the highest priority, and of several with that, the first by name. Only one ever counts.</summary>
    /// <param name="vhost">The vhost.</param>
    /// <param name="name">The queue's name in it.</param>
    /// <param name="kind">What it is.</param>
    public Policy? ForQueue(string vhost, string name, QueueKind kind) => _byVhost.TryGetValue(vhost, out var policies) ? Array.Find(policies, p => p.IsForQueue(name, kind)) : null;

    /// <summary>The policy for an exchange, likewise.</summary>
    public Policy? ForExchange(string vhost, string name) => _byVhost.TryGetValue(vhost, out var policies) ? Array.Find(policies, p => p.IsForExchange(name)) : null;
}
