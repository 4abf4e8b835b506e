using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Finds the connection that sent a packet, by the destination id that its peer gave it. One thread.</summary>
internal sealed class DestinationIds
{
    private readonly Dictionary<ConnectionId, Ngtcp2Connection> _connections = [];
    private readonly int[] _ofLength = new int[Cid.MaxLength + 1];

    /// <summary>Adds an id. Peers choose their ids without knowing of each other's: one that is taken, or empty, says nothing about who sent a packet and is not added.</summary>
    public void Add(ConnectionId id, Ngtcp2Connection connection)
    {
        if (id.Length > 0 && _connections.TryAdd(id, connection))
        {
            _ofLength[id.Length]++;
        }
    }

    /// <summary>Removes an id of a connection.</summary>
    public void Remove(ConnectionId id, Ngtcp2Connection connection)
    {
        if (_connections.TryGetValue(id, out var owner) && owner == connection)
        {
            _connections.Remove(id);
            _ofLength[id.Length]--;
        }
    }

    /// <summary>The connection that sent a packet with a short header, or <c>null</c>.</summary>
    /// <param name="packet">Its beginning.</param>
    public Ngtcp2Connection? Find(ReadOnlySpan<byte> packet)
    {
        // A short header does not say how long its id is (RFC 9000, section 17.3.1). Peers of one kind give ids of one length.
        for (var length = Math.Min(Cid.MaxLength, packet.Length - 1); length > 0; length--)
        {
            if (_ofLength[length] > 0 && _connections.TryGetValue(new ConnectionId(packet.Slice(1, length)), out var connection))
            {
                return connection;
            }
        }

        return null;
    }
}
