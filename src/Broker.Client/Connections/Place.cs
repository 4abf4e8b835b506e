namespace Broker.Client.Connections;

/// <summary>Where a publisher or consumer opens its next stream.</summary>
/// <param name="connection">The connection.</param>
/// <param name="left">Completes when the stream is to end in order, and another one to begin elsewhere.</param>
internal class Place(BrokerConnection connection, Task left)
{
    public BrokerConnection Connection => connection;

    /// <summary>Completes when the stream is to end in order, as the node goes away or there is a better place. Never faults.</summary>
    public Task Left => left;

    /// <summary>Whether this is another connection than the client's own.</summary>
    public virtual bool IsDetour => false;

    /// <summary>The stream is over, or was never opened.</summary>
    public virtual void Release()
    {
    }

    /// <summary>The stream is over when a task is.</summary>
    public async Task ReleaseAfterAsync(Task end)
    {
        await end.ConfigureAwait(false);
        Release();
    }
}

/// <summary>Says where a publisher or consumer is to be, each time that it needs a connection.</summary>
internal interface IConnectionSource
{
    /// <summary>There is no connection and will be none.</summary>
    bool IsOver { get; }

    /// <summary>A connection that was not lost a moment ago; waits while one is being made.</summary>
    /// <exception cref="BrokerConnectionException">There is none and will be none.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    ValueTask<Place> GetPlaceAsync(CancellationToken cancellationToken);

    /// <summary>A detour was refused: from now on the client's own connection is the place.</summary>
    void AvoidDetours();
}
