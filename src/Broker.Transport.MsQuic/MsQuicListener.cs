using System.Collections.Concurrent;
using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Threading.Channels;
using NativeListenerOptions = System.Net.Quic.QuicListenerOptions;

namespace Broker.Transport.MsQuic;

/// <summary>A listener whose accept loop outlives the handshakes that fail.</summary>
internal sealed class MsQuicListener : IQuicListener
{
    private readonly MsQuicTransport _transport;
    private readonly Broker.Transport.QuicListenerOptions _options;
    private readonly ConcurrentDictionary<MsQuicConnection, bool> _open = new();
    private readonly Channel<IQuicConnection> _ready = Channel.CreateUnbounded<IQuicConnection>(); // bounded by MaxConnections
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private QuicListener? _native;
    private Task _accepting = Task.CompletedTask;
    private MsQuicTls _tls;
    private long _started;
    private long _accepted;
    private long _failed;
    private int _disposing;

    private MsQuicListener(MsQuicTransport transport, Broker.Transport.QuicListenerOptions options)
    {
        _transport = transport;
        _options = options;
        _tls = new MsQuicTls(options.Tls);
    }

    public IPEndPoint LocalEndPoint { get; private set; } = null!;

    public QuicListenerStatistics Statistics
    {
        get
        {
            var (accepted, failed) = (Interlocked.Read(ref _accepted), Interlocked.Read(ref _failed));
            return new QuicListenerStatistics
            {
                ConnectionsAccepted = accepted,
                ConnectionsOpen = _open.Count,
                HandshakesFailed = failed,
                HandshakesPending = (int)Math.Max(0, Interlocked.Read(ref _started) - accepted - failed),
            };
        }
    }

    public static async Task<MsQuicListener> BindAsync(
        MsQuicTransport transport, Broker.Transport.QuicListenerOptions options, CancellationToken cancellationToken)
    {
        var listener = new MsQuicListener(transport, options);
        try
        {
            listener._native = await QuicListener.ListenAsync(
                new NativeListenerOptions
                {
                    ListenEndPoint = options.EndPoint,
                    ApplicationProtocols = MsQuicTls.Protocols(options),
                    ListenBacklog = options.MaxPendingHandshakes,
                    ConnectionOptionsCallback = listener.ChooseOptionsAsync,
                },
                cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var fault = MsQuicFaults.OfConnection(e);
            throw new QuicTransportException(fault.Error, $"cannot listen on {options.EndPoint}: {fault.Message}", e);
        }

        listener.LocalEndPoint = listener._native.LocalEndPoint;
        listener._accepting = listener.AcceptAsync(listener._native);
        return listener;
    }

    public async ValueTask<IQuicConnection?> AcceptConnectionAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _ready.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    public void UpdateTls(QuicTlsOptions tls)
    {
        ArgumentNullException.ThrowIfNull(tls);
        (_options with { Tls = tls }).Validate();
        Volatile.Write(ref _tls, new MsQuicTls(tls));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposing, 1) != 0)
        {
            await _disposed.Task;
            return;
        }

        _transport.Remove(this);
        await Task.WhenAll(_open.Keys.Select(connection => connection.DisposeAsync().AsTask()));
        await _native!.DisposeAsync();
        await _accepting;
        await Task.WhenAll(_open.Keys.Select(connection => connection.DisposeAsync().AsTask())); // accepted in between
        _disposed.SetResult();
    }

    private ValueTask<QuicServerConnectionOptions> ChooseOptionsAsync(QuicConnection connection, SslClientHelloInfo hello, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _started);
        if (_open.Count >= _options.MaxConnections)
        {
            // System.Net.Quic turns it into a refused handshake and the accept loop counts it.
            throw new QuicTransportException(QuicError.ConnectionRefused, $"{LocalEndPoint} serves its maximum of {_options.MaxConnections} connections");
        }

        var native = MsQuicOptions.Apply(new QuicServerConnectionOptions(), _options);
        native.ServerAuthenticationOptions = Volatile.Read(ref _tls).ForServer(_options);
        return new(native);
    }

    private async Task AcceptAsync(QuicListener native)
    {
        while (true)
        {
            try
            {
                Establish(await native.AcceptConnectionAsync());
            }
            catch (ObjectDisposedException)
            {
                break;
            }
            catch (Exception) when (Volatile.Read(ref _disposing) != 0)
            {
                break;
            }
            catch (Exception)
            {
                // One client's handshake: wrong certificate, wrong protocol, gone away. The reason is the client's to see.
                Interlocked.Increment(ref _failed);
            }
        }

        _ready.Writer.TryComplete();
    }

    private void Establish(QuicConnection native)
    {
        var connection = new MsQuicConnection(native, _options);
        _open[connection] = true;
        Interlocked.Increment(ref _accepted);
        _ = ForgetAsync(connection);
        _transport.Add(connection);
        _ready.Writer.TryWrite(connection);
    }

    private async Task ForgetAsync(MsQuicConnection connection)
    {
        await connection.Closed;
        _open.TryRemove(connection, out _);
    }
}
