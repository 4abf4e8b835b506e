using System.Collections.Concurrent;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Tests.Recovery;

/// <summary>A node's transport whose connections the test can cut from under it.</summary>
internal sealed class CuttingTransport(IQuicTransport inner) : IQuicTransport
{
    private readonly ConcurrentQueue<IQuicConnection> _connections = new();

    public string Name => inner.Name;

    public string LibraryVersions => inner.LibraryVersions;

    public QuicCapabilities Capabilities => inner.Capabilities;

    /// <summary>Ends every connection; what was on its way is lost.</summary>
    /// <returns>How many were ended.</returns>
    public async Task<int> CutAsync()
    {
        var count = 0;
        while (_connections.TryDequeue(out var connection))
        {
            count += connection.Closed.IsCompleted ? 0 : 1;
            await connection.CloseAsync((long)ErrorCode.ShuttingDown, "cut by the test");
        }

        return count;
    }

    public async ValueTask<IQuicListener> ListenAsync(QuicListenerOptions options, CancellationToken cancellationToken = default) =>
        new Listener(await inner.ListenAsync(options, cancellationToken), _connections);

    public ValueTask<IQuicConnection> ConnectAsync(QuicClientOptions options, CancellationToken cancellationToken = default) =>
        inner.ConnectAsync(options, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private sealed class Listener(IQuicListener inner, ConcurrentQueue<IQuicConnection> connections) : IQuicListener
    {
        public System.Net.IPEndPoint LocalEndPoint => inner.LocalEndPoint;

        public QuicListenerStatistics Statistics => inner.Statistics;

        public async ValueTask<IQuicConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default)
        {
            var connection = await inner.AcceptConnectionAsync(cancellationToken);
            if (connection is not null)
            {
                connections.Enqueue(connection);
            }

            return connection;
        }

        public void UpdateTls(QuicTlsOptions tls) => inner.UpdateTls(tls);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
