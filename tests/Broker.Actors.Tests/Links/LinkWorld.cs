using System.Net;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Tests.Nodes;
using Broker.Actors.Tests.Runtime;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Protocol;
using Broker.Protocol.Links;
using Broker.Transport;
using Broker.Transport.InMemory;

namespace Broker.Actors.Tests.Links;

/// <summary>Nodes on one thread, a network without packets and a clock that the test moves: nothing happens but in <see cref="Run"/> and <see cref="Advance"/>.</summary>
internal sealed class LinkWorld : IAsyncDisposable
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(50);

    public LinkWorld()
    {
        Network = new InMemoryNetwork(new CertificateTime(Actors.Time));
        Transport = new InMemoryTransport(Network);
    }

    public TestSystem Actors { get; } = new();

    public ActorSystem System => Actors.System;

    public InMemoryNetwork Network { get; }

    public InMemoryTransport Transport { get; }

    public static IPEndPoint EndPointOf(string node) => new(IPAddress.Loopback, 7400 + (node[^1] - '0'));

    public static LinkGreeting GreetingOf(string node, long incarnation = 1) => new LinkIdentity("broker", new NodeLife(node, incarnation), LinkNode.StoreOf(node)).Greet(1 << 20);

    /// <summary>Starts a node that listens.</summary>
    public Task<LinkNode> ListenAsync(string name, long incarnation = 1, string cluster = "broker", NodeLinkOptions? options = null, QuicTlsOptions? tls = null) =>
        LinkNode.ListenAsync(System, Transport, name, incarnation, EndPointOf(name), cluster, options, tls);

    /// <summary>A listener in the hands of the test.</summary>
    public ValueTask<IQuicListener> ListenRawAsync(string name, QuicTlsOptions? tls = null) => Transport.ListenAsync(new QuicListenerOptions
    {
        EndPoint = EndPointOf(name),
        Tls = tls ?? LinkCertificates.Listener(name),
        ApplicationProtocols = [LinkInfo.Alpn],
        InlineContinuations = true,
        IdleTimeout = TimeSpan.FromHours(1),
    });

    /// <summary>A connection to a node in the hands of the test.</summary>
    public async Task<IQuicConnection> ConnectRawAsync(string node, QuicTlsOptions tls, string alpn = LinkInfo.Alpn) => await Transport.ConnectAsync(new QuicClientOptions
    {
        EndPoint = EndPointOf(node),
        ServerName = "localhost",
        Tls = tls,
        ApplicationProtocols = [alpn],
        InlineContinuations = true,
        IdleTimeout = TimeSpan.FromHours(1),
    });

    /// <summary>Dials a node as another one does, and is welcome.</summary>
    public async Task<(IQuicConnection Connection, WireStream Control)> DialRawAsync(string node, string self, long incarnation = 1)
    {
        var connection = await ConnectRawAsync(node, LinkCertificates.Dialler(self));
        var control = new WireStream(await connection.OpenStreamAsync());
        await control.SendAsync(new LinkHelloFrame(GreetingOf(self, incarnation)).Write);
        Run();
        Assert.True(LinkWelcomeFrame.TryRead(await control.ExpectAsync((FrameType)LinkFrameType.Welcome), out var welcome, out _));
        Assert.Equal(node, welcome.Greeting.Node);
        return (connection, control);
    }

    /// <summary>The next connection to a listener in the hands of the test, up to its LINK_HELLO.</summary>
    public async Task<(IQuicConnection Connection, WireStream Control, LinkGreeting Hello)> AcceptRawAsync(IQuicListener listener, TimeSpan within = default)
    {
        var accepting = listener.AcceptConnectionAsync().AsTask();
        AdvanceUntil(() => accepting.IsCompleted, within, "another connection");
        var connection = (await accepting)!;
        Run();
        var control = new WireStream(await connection.AcceptStreamAsync().AsTask().WaitAsync(WireConnection.Timeout));
        Assert.True(LinkHelloFrame.TryRead(await control.ExpectAsync((FrameType)LinkFrameType.Hello), out var hello, out _));
        return (connection, control, hello.Greeting);
    }

    /// <summary>Runs until nobody has anything to do.</summary>
    public void Run() => Actors.Run();

    /// <summary>Moves the clock, in steps so small that every timer is handled before the next is due.</summary>
    public void Advance(TimeSpan by)
    {
        for (var left = by; left > TimeSpan.Zero; left -= s_step)
        {
            Actors.Advance(left < s_step ? left : s_step);
        }
    }

    /// <summary>Runs and moves the clock until that is so.</summary>
    public void AdvanceUntil(Func<bool> holds, TimeSpan limit, string what)
    {
        Run();
        for (var passed = TimeSpan.Zero; !holds(); passed += s_step)
        {
            Assert.True(passed < limit, $"not within {limit}: {what}");
            Actors.Advance(s_step);
        }
    }

    public async ValueTask DisposeAsync()
    {
        var ending = Actors.DisposeAsync();
        Run();
        await ending;
        await Transport.DisposeAsync();
        Assert.Empty(Actors.Faults);
    }

    /// <summary>The test's clock but for the date, which certificates are checked by.</summary>
    private sealed class CertificateTime(TimeProvider time) : TimeProvider
    {
        private readonly DateTimeOffset _start = System.GetUtcNow();

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => _start + (time.GetUtcNow() - DateTimeOffset.UnixEpoch);

        public override long GetTimestamp() => time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => time.CreateTimer(callback, state, dueTime, period);
    }
}
