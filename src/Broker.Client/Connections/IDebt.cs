namespace Broker.Client.Connections;

/// <summary>Something on a connection that may wait for an answer of the node.</summary>
internal interface IDebt
{
    /// <summary>Whether it waits, as far as one can tell without stopping it.</summary>
    bool IsOwed { get; }
}

/// <summary>One answer that is waited for until this is disposed of.</summary>
internal sealed class Debt : IDebt, IDisposable
{
    private readonly BrokerConnection _connection;

    public Debt(BrokerConnection connection)
    {
        _connection = connection;
        connection.Add(this);
    }

    public bool IsOwed => true;

    public void Dispose() => _connection.Remove(this);
}
