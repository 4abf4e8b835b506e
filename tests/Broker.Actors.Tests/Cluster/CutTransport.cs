using System.Collections.Concurrent;
using System.Net;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A node's way to the others, parts of which can be cut: what is there breaks, and what is dialled is refused.</summary>
internal sealed class CutTransport(IQuicTransport transport) : IQuicTransport
{
    private readonly ConcurrentDictionary<IPEndPoint, bool> _cut = new();
    private readonly ConcurrentBag<(IPEndPoint To, IQuicConnection Connection)> _dialled = [];

    public string Name => transport.Name;

    public string LibraryVersions => transport.LibraryVersions;

    public QuicCapabilities Capabilities => transport.Capabilities;

    public ValueTask<IQuicListener> ListenAsync(QuicListenerOptions options, CancellationToken cancellationToken = default) => transport.ListenAsync(options, cancellationToken);

    public async ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default)
    {
        Check(options.EndPoint);
        var connection = await transport.ConnectAsync(options, cancellationToken);
        _dialled.Add((options.EndPoint, connection));
        if (_cut.ContainsKey(options.EndPoint))
        {
            await connection.DisposeAsync();
        }

        Check(options.EndPoint);
        return connection;
    }

    public async Task CutAsync(IPEndPoint to)
    {
        _cut[to] = true;
        foreach (var (_, connection) in _dialled.Where(d => d.To.Equals(to)))
        {
            await connection.CloseAsync((long)ErrorCode.Unavailable, "the network is cut");
        }
    }

    public void Heal(IPEndPoint to) => _cut.TryRemove(to, out _);

    public ValueTask DisposeAsync() => transport.DisposeAsync();

    private void Check(IPEndPoint to)
    {
        if (_cut.ContainsKey(to))
        {
            throw new QuicTransportException(QuicError.ConnectionRefused, $"the network to {to} is cut");
        }
    }
}
