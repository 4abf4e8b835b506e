using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Client.Tests.Scripted;

/// <summary>A server that does only what the test says, over the in-memory transport unless it is given another.</summary>
internal sealed class ScriptedBroker : IAsyncDisposable
{
    private readonly ConcurrentDictionary<StreamKind, Channel<PeerStream>> _streams = new();
    private readonly IQuicTransport _transport;
    private readonly IQuicListener _listener;

    /// <summary>As <see cref="Options"/>, with recovery that does not make a test wait.</summary>
    public BrokerClientOptions RecoveringOptions => Recovering(Options);

    private ScriptedBroker(IQuicTransport transport, IQuicListener listener)
    {
        _transport = transport;
        _listener = listener;
    }

    /// <summary>The client's connection, once it was accepted.</summary>
    public IQuicConnection Connection { get; private set; } = null!;

    /// <summary>How many connections were accepted.</summary>
    public int Connections { get; private set; }

    public PeerStream Control { get; private set; } = null!;

    public HelloFrame Hello { get; private set; } = null!;

    public BrokerClientOptions Options => new()
    {
        Endpoints = [new BrokerEndpoint("127.0.0.1", _listener.LocalEndPoint.Port)],
        ServerName = "localhost",
        Tls = TestCertificates.Client,
        Transport = _transport,
        ClientName = "tests",
        RecoverConnection = false, // what recovers has tests of its own
    };

    public static async Task<ScriptedBroker> StartAsync(IQuicTransport? shared = null)
    {
        var transport = shared ?? new InMemoryTransport();
        var listener = await transport.ListenAsync(new QuicListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            Tls = TestCertificates.Server,
            ApplicationProtocols = [ProtocolInfo.Alpn],
        });
        return new ScriptedBroker(transport, listener);
    }

    /// <summary>Starts a broker and connects a client to it.</summary>
    public static async Task<(ScriptedBroker Broker, BrokerClient Client)> ConnectAsync(Func<BrokerClientOptions, BrokerClientOptions>? configure = null)
    {
        var broker = await StartAsync();
        var options = broker.Options;
        var connecting = BrokerClient.ConnectAsync(configure is null ? options : configure(options));
        await broker.AcceptAsync();
        return (broker, await Within.TimeAsync(connecting, "the client to connect"));
    }

    /// <summary>Options with recovery that does not make a test wait.</summary>
    public static BrokerClientOptions Recovering(BrokerClientOptions options) => options with
    {
        RecoverConnection = true, RecoveryMinDelay = TimeSpan.FromMilliseconds(1), RecoveryMaxDelay = TimeSpan.FromMilliseconds(20),
    };

    /// <summary>Takes the connection, reads HELLO and answers WELCOME.</summary>
    public async Task AcceptAsync(WelcomeFrame? welcome = null)
    {
        await AcceptHelloAsync();
        await Control.SendAsync((welcome ?? new WelcomeFrame { NodeId = "node-1", ClusterName = "tests", Identity = "client" }).Write);
    }

    /// <summary>Takes the connection and reads HELLO.</summary>
    public async Task AcceptHelloAsync()
    {
        Connection = await Within.TimeAsync(_listener.AcceptConnectionAsync().AsTask(), "a connection") ?? throw new InvalidOperationException("no listener");
        Connections++;
        _ = AcceptStreamsAsync();
        Control = await AcceptAsync(StreamKind.Control);
        Hello = await Control.ReadAsync<HelloFrame>(FrameType.Hello, HelloFrame.TryRead);
    }

    /// <summary>The next stream of a kind that the client opens.</summary>
    public async Task<PeerStream> AcceptAsync(StreamKind kind) =>
        await Within.TimeAsync(Streams(kind).Reader.ReadAsync().AsTask(), $"the client to open a {kind} stream");

    /// <summary>The same, however long it takes.</summary>
    public Task<PeerStream> WaitForAsync(StreamKind kind) => Streams(kind).Reader.ReadAsync().AsTask();

    /// <summary>The next publish stream, made ready.</summary>
    public async Task<PeerStream> AcceptPublisherAsync(ulong lastSequence = 0)
    {
        var stream = await AcceptAsync(StreamKind.Publish);
        await stream.ReadAsync<PublisherOpenFrame>(FrameType.PublisherOpen, PublisherOpenFrame.TryRead);
        await stream.SendAsync(new PublisherReadyFrame(lastSequence).Write);
        return stream;
    }

    /// <summary>The next consume stream, with its SUBSCRIBE answered.</summary>
    public async Task<PeerStream> AcceptConsumerAsync(Action<SubscribeFrame>? check = null)
    {
        var stream = await AcceptAsync(StreamKind.Consume);
        check?.Invoke(await stream.ReadAsync<SubscribeFrame>(FrameType.Subscribe, SubscribeFrame.TryRead));
        if (check is null)
        {
            await stream.ReadAsync();
        }

        await stream.SendAsync(new SubscribedFrame("c-1").Write);
        return stream;
    }

    /// <summary>Takes no more connections.</summary>
    public ValueTask StopListeningAsync() => _listener.DisposeAsync();

    public bool HasNoStream(StreamKind kind) => Streams(kind).Reader.Count == 0;

    /// <summary>How the client ended the connection.</summary>
    public async Task<(ErrorCode Code, string Reason)> ClosedByClientAsync()
    {
        var info = await Within.TimeAsync(Connection.Closed, "the client to close the connection");
        Assert.Equal(QuicError.ConnectionAborted, info.Error);
        return ((ErrorCode)info.ErrorCode!.Value, info.Reason);
    }

    public async ValueTask DisposeAsync() => await _transport.DisposeAsync();

    private Channel<PeerStream> Streams(StreamKind kind) => _streams.GetOrAdd(kind, static _ => Channel.CreateUnbounded<PeerStream>());

    private async Task AcceptStreamsAsync()
    {
        try
        {
            while (true)
            {
                var stream = await Connection.AcceptStreamAsync();
                _ = ReadKindAsync(stream);
            }
        }
        catch (IOException)
        {
            // The connection has ended; the test knows whether it should have.
        }
    }

    private async Task ReadKindAsync(IQuicStream stream)
    {
        try
        {
            while (true)
            {
                var result = await stream.Input.ReadAsync();
                var found = StreamHeader.TryRead(result.Buffer, out var kind, out var consumed);
                stream.Input.AdvanceTo(consumed, found ? consumed : result.Buffer.End);
                if (found)
                {
                    Streams(kind).Writer.TryWrite(new PeerStream(stream, kind));
                    return;
                }
            }
        }
        catch (IOException)
        {
            // Abandoned before its kind had come.
        }
    }
}
