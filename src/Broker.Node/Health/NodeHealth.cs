namespace Broker.Node.Health;

/// <summary>What the node can do now, for health endpoints.</summary>
internal enum NodeState
{
    /// <summary>Not serving yet.</summary>
    Starting,

    /// <summary>Serving.</summary>
    Ready,

    /// <summary>Serving what is open, accepting nothing new.</summary>
    Stopping,
}

/// <summary>The node's state, written by the service that runs the broker and read by the health endpoints. Thread-safe.</summary>
internal sealed class NodeHealth
{
    private volatile NodeState _state = NodeState.Starting;

    /// <summary>What keeps a node that is ready from serving everything; answers <c>null</c> if nothing does.</summary>
    public Func<string?> Problem { get; set; } = static () => null;

    /// <summary>The current state.</summary>
    public NodeState State
    {
        get => _state;
        set => _state = value;
    }
}
