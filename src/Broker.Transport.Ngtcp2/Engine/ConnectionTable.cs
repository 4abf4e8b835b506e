namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Finds the connection of a datagram: by our connection id, by the token of a stateless reset, or, for one that it sent, by the peer's id. One thread.</summary>
internal sealed class ConnectionTable
{
    private readonly Dictionary<ConnectionId, Ngtcp2Connection> _byId = [];
    private readonly Dictionary<ConnectionId, Ngtcp2Connection> _byResetToken = [];
    private readonly DestinationIds _byDestination = new();

    /// <summary>The connection with an id, or <c>null</c>.</summary>
    public Ngtcp2Connection? Find(ConnectionId id) => _byId.GetValueOrDefault(id);

    /// <summary>The connection whose peer gave a reset token, or <c>null</c>.</summary>
    public Ngtcp2Connection? FindByResetToken(ConnectionId token) => _byResetToken.GetValueOrDefault(token);

    /// <summary>Adds an id; <c>false</c> if it is taken.</summary>
    public bool Add(ConnectionId id, Ngtcp2Connection connection) => _byId.TryAdd(id, connection);

    /// <summary>Removes an id.</summary>
    public void Remove(ConnectionId id) => _byId.Remove(id);

    /// <summary>Adds a reset token.</summary>
    public void AddResetToken(ConnectionId token, Ngtcp2Connection connection) => _byResetToken[token] = connection;

    /// <summary>Removes a reset token.</summary>
    public void RemoveResetToken(ConnectionId token) => _byResetToken.Remove(token);

    /// <summary>The connection that sent a packet with a short header, or <c>null</c>.</summary>
    public Ngtcp2Connection? FindSender(ReadOnlySpan<byte> packet) => _byDestination.Find(packet);

    /// <summary>Adds or removes an id that a connection sends to.</summary>
    public void SetDestination(ConnectionId id, Ngtcp2Connection connection, bool active)
    {
        if (active)
        {
            _byDestination.Add(id, connection);
        }
        else
        {
            _byDestination.Remove(id, connection);
        }
    }

    /// <summary>Removes all that points to a connection.</summary>
    public void Remove(Ngtcp2Connection connection)
    {
        foreach (var id in connection.LocalIds)
        {
            _byId.Remove(id);
        }

        foreach (var token in connection.ResetTokens)
        {
            _byResetToken.Remove(token);
        }

        foreach (var id in connection.DestinationIds)
        {
            _byDestination.Remove(id, connection);
        }
    }

    /// <summary>All connections, as of now.</summary>
    public IReadOnlyList<Ngtcp2Connection> Connections() => [.. _byId.Values.Distinct()];
}
