using System.Net;
using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2;

/// <summary>A bound UDP address with its own event loop. Disposing it ends its connections, because they live on its socket.</summary>
internal sealed class Ngtcp2Listener(QuicListenerOptions options, EngineOptions engine) : IQuicListener
{
    private readonly ListenerEndpoint _endpoint = new(options, engine);

    /// <inheritdoc/>
    public IPEndPoint LocalEndPoint => _endpoint.LocalEndPoint;

    /// <inheritdoc/>
    public QuicListenerStatistics Statistics => _endpoint.Statistics;

    /// <summary>The I/O mode in use, after any fallback.</summary>
    public IoMode IoMode => _endpoint.Sender.Mode;

    /// <summary>Whether it was disposed.</summary>
    public bool IsStopping => _endpoint.IsStopping;

    /// <inheritdoc/>
    public async ValueTask<IQuicConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default) =>
        await _endpoint.Accepted.TakeAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public void UpdateTls(QuicTlsOptions tls)
    {
        (options with { Tls = tls }).Validate();
        _endpoint.Use(TlsCredentials.Create(tls));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(_endpoint.StopAsync());

    /// <summary>For tests: goes away as a killed process would, without a word to the peers.</summary>
    public Task AbandonAsync() => _endpoint.StopAsync(silently: true);
}
