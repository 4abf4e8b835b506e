using System.Collections.Immutable;

namespace Broker.Machines.Publishing;

/// <summary>The node's routes as a publisher sees them.</summary>
public interface IRouter
{
    /// <summary>Grows whenever any route changes, so that a publisher can keep its last result as long as the version stands.</summary>
    long Version { get; }

    /// <summary>Finds the queues for a message.</summary>
    /// <returns><c>false</c> if there is no such exchange.</returns>
    bool TryRoute(string exchange, string routingKey, out ImmutableArray<string> queues);
}
