using Broker.Client.Connections;

namespace Broker.Client.Leaders;

/// <summary>The one connection of a client to a node that leads queues, shared by all who want to be there. Guarded by its owner, but for <see cref="Connected"/>.</summary>
internal sealed class LeaderNode(BrokerEndpoint endpoint)
{
    public BrokerEndpoint Endpoint => endpoint;

    /// <summary>Completes, never faults, with the connection; with <c>null</c> if there is none.</summary>
    public Task<BrokerConnection?> Connected { get; set; } = Task.FromResult<BrokerConnection?>(null);

    /// <summary>Streams that are there or will be in a moment.</summary>
    public int Users { get; set; }

    /// <summary>Changes with each of them.</summary>
    public long Uses { get; set; }

    /// <summary>Whether streams can be opened there now.</summary>
    public bool IsOpen => Connected is { IsCompletedSuccessfully: true, Result: { Closed.IsCompleted: false, IsGoingAway: false } };
}
