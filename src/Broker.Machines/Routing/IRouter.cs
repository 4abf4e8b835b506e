using System.Diagnostics.CodeAnalysis;

namespace Broker.Machines.Routing;

/// <summary>The node's routes as a publisher sees them. Names are with their vhost.</summary>
public interface IRouter
{
    /// <summary>Grows whenever any route changes, so that a publisher can keep its last result as long as the version stands.</summary>
    long Version { get; }

    /// <summary>Finds how an exchange routes, as of now. The default exchanges are not among them.</summary>
    bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes);

    /// <summary>Whether a queue is declared.</summary>
    bool HasQueue(string queue);

    /// <summary>Whether this node leads a queue.</summary>
    bool IsLedHere(string queue);
}
