namespace Broker.Client;

/// <summary>How a client stands with its cluster.</summary>
public enum ClientState
{
    /// <summary>It has a connection, as far as it knows. Without <see cref="BrokerClientOptions.RecoverConnection"/> also while its node goes away.</summary>
    Connected,

    /// <summary>Its connection is lost, or its node goes away, and another one is being made; whatever needs one waits.</summary>
    Recovering,

    /// <summary>It has no connection and will have none: disposed, out of patience, or refused for good.</summary>
    Closed,
}

/// <summary>The connection is lost, or will be soon.</summary>
/// <param name="Endpoint">The endpoint that it was to.</param>
/// <param name="Reason">Why.</param>
/// <param name="IsGoingAway">The node goes away in order: what is under way on the old connection may still be finished there.</param>
public sealed record ConnectionLost(BrokerEndpoint Endpoint, BrokerConnectionException Reason, bool IsGoingAway);

/// <summary>There is a connection again.</summary>
/// <param name="Endpoint">The endpoint that answered.</param>
/// <param name="NodeId">The node's name.</param>
/// <param name="NotRestored">Declarations that went with the old connection or node and could not be made again.</param>
public sealed record ConnectionRecovered(BrokerEndpoint Endpoint, string NodeId, IReadOnlyList<BrokerException> NotRestored);
