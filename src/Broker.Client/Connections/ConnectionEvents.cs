namespace Broker.Client;

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
