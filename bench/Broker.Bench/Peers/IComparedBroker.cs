namespace Broker.Bench.Peers;

/// <summary>A cluster of some broker with one replicated queue, as the loads use it. Nodes are named by their place in the list of addresses.</summary>
internal interface IComparedBroker : IAsyncDisposable
{
    /// <summary>Declares the queue, on all nodes.</summary>
    Task PrepareAsync();

    /// <summary>The node that leads the queue.</summary>
    Task<int> LeaderAsync();

    /// <summary>A producer of its own connection, at a node; when it is lost, the next nodes follow, and what was not confirmed is published again.</summary>
    Task<IComparedProducer> OpenProducerAsync(int node);

    /// <summary>A consumer of its own connection, at a node, that acknowledges every message.</summary>
    /// <param name="node">Where it connects.</param>
    /// <param name="received">Called for every message, by one thread at a time.</param>
    Task<IAsyncDisposable> OpenConsumerAsync(int node, Action received);
}

/// <summary>Publishes persistent messages, so many unconfirmed at a time as <see cref="Load.Window"/> says.</summary>
internal interface IComparedProducer : IAsyncDisposable
{
    /// <summary>Waits for room in the window and hands a message over. One call at a time.</summary>
    ValueTask PublishAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken);

    /// <summary>Waits until everything handed over so far is confirmed. May be called beside publishing.</summary>
    Task FlushAsync();
}

/// <summary>What all are loaded with.</summary>
internal static class Load
{
    /// <summary>Messages that are published and not confirmed, and those that are delivered and not acknowledged.</summary>
    public const int Window = 256;

    public const int BodyBytes = 1024;

    public const string Queue = "compared";
}
