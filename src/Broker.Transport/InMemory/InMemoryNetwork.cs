using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Broker.Transport.InMemory;

/// <summary>
/// The address space that <see cref="InMemoryTransport"/> instances share: a transport reaches the listeners of every transport on the same network.
/// </summary>
/// <remarks>It loses and delays nothing. It creates no threads; its only clock is the one it is given.</remarks>
public sealed class InMemoryNetwork
{
    private const int FirstEphemeralPort = 49152;
    private readonly Lock _gate = new();
    private readonly List<InMemoryListener> _listeners = [];
    private int _nextPort = FirstEphemeralPort;

    /// <summary>Creates an empty network.</summary>
    /// <param name="time">Drives idle timeouts and keep-alive and dates certificate checks. Default: the system's clock.</param>
    public InMemoryNetwork(TimeProvider? time = null) => Time = time ?? TimeProvider.System;

    /// <summary>
    /// Tells the clients of a listener that nothing listens there (<see cref="IQuicConnection.PeerUnreachable"/>), as a network does when the listener's process was killed, or somebody who
    /// forges such a report. The listener and its connections are as they were.
    /// </summary>
    /// <param name="listener">The listener's address; no effect if there is none.</param>
    public void ReportUnreachable(IPEndPoint listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        if (TryFind(listener, out var found))
        {
            found.ReportUnreachable();
        }
    }

    internal TimeProvider Time { get; }

    internal InlineQueue InlineQueue { get; } = new();

    /// <summary>Chooses the port where <paramref name="wanted"/> leaves it open. Ports count upwards, so that runs repeat.</summary>
    internal IPEndPoint Assign(IPEndPoint wanted)
    {
        lock (_gate)
        {
            return wanted.Port != 0 ? wanted : new IPEndPoint(wanted.Address, NextFreePort());
        }
    }

    internal void Add(InMemoryListener listener)
    {
        lock (_gate)
        {
            if (_listeners.Any(other => Overlaps(other.LocalEndPoint, listener.LocalEndPoint)))
            {
                throw new QuicTransportException(QuicError.AddressInUse, $"{listener.LocalEndPoint} is in use on this network");
            }

            _listeners.Add(listener);
        }
    }

    internal void Remove(InMemoryListener listener)
    {
        lock (_gate)
        {
            _listeners.Remove(listener);
        }
    }

    internal bool TryFind(IPEndPoint address, [NotNullWhen(true)] out InMemoryListener? listener)
    {
        lock (_gate)
        {
            listener = _listeners.Find(candidate => candidate.LocalEndPoint.Port == address.Port && Covers(candidate.LocalEndPoint.Address, address.Address));
            return listener is not null;
        }
    }

    private int NextFreePort()
    {
        while (_listeners.Exists(listener => listener.LocalEndPoint.Port == _nextPort))
        {
            Step();
        }

        var port = _nextPort;
        Step();
        return port;

        void Step() => _nextPort = _nextPort < IPEndPoint.MaxPort ? _nextPort + 1 : FirstEphemeralPort;
    }

    private static bool Overlaps(IPEndPoint one, IPEndPoint other) =>
        one.Port == other.Port && (Covers(one.Address, other.Address) || Covers(other.Address, one.Address));

    private static bool Covers(IPAddress bound, IPAddress address) =>
        bound.Equals(address)
        || bound.Equals(IPAddress.IPv6Any)
        || (bound.Equals(IPAddress.Any) && address.AddressFamily == bound.AddressFamily);
}
