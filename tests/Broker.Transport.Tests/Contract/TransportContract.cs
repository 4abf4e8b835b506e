using System.Net;
using System.Text;

namespace Broker.Transport.Tests.Contract;

/// <summary>What the contract's tests have in common: one transport, options that work, and waits that say what they waited for.</summary>
public abstract class TransportContract<TBackend> : IAsyncLifetime
    where TBackend : ITransportBackend, new()
{
    /// <summary>The application protocol of tests that do not care.</summary>
    protected const string Protocol = "contract/1";

    private readonly TBackend _backend = new();
    private IQuicTransport? _transport;

    protected IQuicTransport Transport => _transport ?? throw new InvalidOperationException("the backend is not available");

    protected QuicListenerOptions ListenerDefaults { get; } = new()
    {
        Tls = TestCertificates.Server,
        ApplicationProtocols = [Protocol],
        EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
    };

    public ValueTask InitializeAsync()
    {
        if (_backend.Unavailable is { } reason)
        {
            Assert.Skip(reason);
        }

        _transport = _backend.CreateTransport();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_transport is not null)
        {
            await Wait.For(_transport.DisposeAsync().AsTask(), "the transport to be disposed");
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Skips the test, by name, where the backend does not promise the behaviour.</summary>
    protected void RequireCapability(QuicCapabilities capability) =>
        Assert.SkipUnless(Transport.Capabilities.HasFlag(capability), $"'{Transport.Name}' does not declare {capability}");

    protected QuicClientOptions ClientOf(IQuicListener listener) => new()
    {
        Tls = TestCertificates.Client,
        ApplicationProtocols = [Protocol],
        EndPoint = listener.LocalEndPoint,
        ServerName = "localhost",
    };

    protected async Task<IQuicListener> ListenAsync(Func<QuicListenerOptions, QuicListenerOptions>? change = null) =>
        await Wait.For(Transport.ListenAsync(change?.Invoke(ListenerDefaults) ?? ListenerDefaults), "the listener");

    protected async Task<IQuicConnection> ConnectAsync(IQuicListener listener, Func<QuicClientOptions, QuicClientOptions>? change = null)
    {
        var options = ClientOf(listener);
        return await Wait.For(Transport.ConnectAsync(change?.Invoke(options) ?? options), "the client's handshake");
    }

    /// <summary>A listener with one connection to it.</summary>
    protected async Task<ConnectedPair> ConnectPairAsync(
        Func<QuicListenerOptions, QuicListenerOptions>? server = null, Func<QuicClientOptions, QuicClientOptions>? client = null) =>
        await ConnectPairAsync(await ListenAsync(server), client);

    protected async Task<ConnectedPair> ConnectPairAsync(IQuicListener listener, Func<QuicClientOptions, QuicClientOptions>? client = null)
    {
        var connection = await ConnectAsync(listener, client);
        var accepted = await Wait.For(listener.AcceptConnectionAsync(), "the server to accept the connection");
        return new ConnectedPair(listener, connection, accepted ?? throw new InvalidOperationException("the listener was disposed"));
    }

    /// <summary>A stream that both ends know; the byte that announced it has been read.</summary>
    protected static async Task<StreamEnds> OpenStreamAsync(IQuicConnection opener, IQuicConnection acceptor)
    {
        var local = await Wait.For(opener.OpenStreamAsync(), "a stream to open");
        await Wait.For(local.Output.WriteAsync(Encoding.ASCII.GetBytes("!")), "the first byte to be handed over");
        var remote = await Wait.For(acceptor.AcceptStreamAsync(), "the peer to accept the stream");
        var read = await Wait.For(remote.Input.ReadAsync(), "the first byte");
        remote.Input.AdvanceTo(read.Buffer.GetPosition(1));
        return new StreamEnds(local, remote);
    }
}

/// <summary>Both ends of a connection, and the listener that accepted it.</summary>
public sealed record ConnectedPair(IQuicListener Listener, IQuicConnection Client, IQuicConnection Server);

/// <summary>Both ends of a stream.</summary>
public sealed record StreamEnds(IQuicStream Local, IQuicStream Remote);
