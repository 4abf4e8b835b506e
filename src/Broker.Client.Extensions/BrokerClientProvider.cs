using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Broker.Client.Extensions;

/// <summary>Connects once for all who ask, and again after the client has closed for good.</summary>
internal sealed class BrokerClientProvider(
    string name, IOptionsMonitor<BrokerClientSettings> settings, ILogger<BrokerClient> log, IHostEnvironment? environment) : IBrokerClientProvider, IAsyncDisposable, IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private Task<BrokerClient>? _connecting;
    private bool _disposed;

    public BrokerClient? Current
    {
        get
        {
            lock (_gate)
            {
                return _connecting is { IsCompletedSuccessfully: true } connected ? connected.Result : null;
            }
        }
    }

    public async ValueTask<BrokerClient> GetAsync(CancellationToken cancellationToken = default)
    {
        Task<BrokerClient> connecting;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(IBrokerClientProvider));
            if (_connecting is null or { IsFaulted: true } or { IsCanceled: true } || (_connecting.IsCompletedSuccessfully && _connecting.Result.State == ClientState.Closed))
            {
                var former = _connecting;
                _connecting = Task.Run(() => ConnectAsync(former), CancellationToken.None);
            }

            connecting = _connecting;
        }

        return await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        Task<BrokerClient>? connecting;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            connecting = _connecting;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        try
        {
            if (connecting is not null)
            {
                await (await connecting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // It did not connect, which whoever asked knows.
        }

        _stop.Dispose();
    }

    // A container that is disposed of without waiting cannot wait for an orderly end either, but it must get one.
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).GetAwaiter().GetResult();

    private async Task<BrokerClient> ConnectAsync(Task<BrokerClient>? former)
    {
        if (former is { IsCompletedSuccessfully: true })
        {
            await (await former.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }

        var options = Options();
        try
        {
            var client = await BrokerClient.ConnectAsync(options, _stop.Token).ConfigureAwait(false);
            ClientLog.Connected(log, client.Endpoint, client.NodeId);
            _ = ReportEndAsync(client);
            return client;
        }
        catch (BrokerConnectionException e)
        {
            ClientLog.ConnectFailed(log, e.Message);
            throw;
        }
    }

    private BrokerClientOptions Options()
    {
        var options = settings.Get(name).ToOptions();
        if (settings.Get(name).ClientName is null && environment?.ApplicationName is { Length: > 0 } application)
        {
            options = options with { ClientName = application };
        }

        return options with
        {
            OnConnectionLost = lost =>
            {
                ClientLog.ConnectionLost(log, lost.Endpoint, lost.Reason.Message);
                options.OnConnectionLost?.Invoke(lost);
            },
            OnConnectionRecovered = recovered =>
            {
                ClientLog.ConnectionRecovered(log, recovered.Endpoint, recovered.NodeId);
                foreach (var failure in recovered.NotRestored)
                {
                    ClientLog.NotRestored(log, failure.Message);
                }

                options.OnConnectionRecovered?.Invoke(recovered);
            },
        };
    }

    private async Task ReportEndAsync(BrokerClient client)
    {
        if (await client.Closed.ConfigureAwait(false) is { } reason)
        {
            ClientLog.ConnectionClosed(log, reason.Message);
        }
    }
}
