using System.Net;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Protocol;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A whole node on the in-memory transport, and clients that speak the wire protocol frame by frame.</summary>
internal sealed class BrokerFixture : IAsyncDisposable
{
    private readonly List<ActorFault> _faults;

    private BrokerFixture(InMemoryTransport transport, BrokerServer server, List<ActorFault> faults)
    {
        Transport = transport;
        Server = server;
        _faults = faults;
    }

    public InMemoryTransport Transport { get; }

    public BrokerServer Server { get; }

    public static async Task<BrokerFixture> StartAsync(
        BrokerLimits? limits = null, TimeProvider? time = null, Func<QuicListenerOptions, QuicListenerOptions>? listener = null)
    {
        var faults = new List<ActorFault>();
        var transport = new InMemoryTransport();
        var options = new QuicListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 7400),
            Tls = TestCertificates.Server,
            ApplicationProtocols = BrokerServer.ApplicationProtocols,
        };
        var server = await BrokerServer.StartAsync(
            new BrokerServerOptions
            {
                NodeId = "node-1",
                Limits = limits ?? new BrokerLimits(),
                TimeProvider = time ?? TimeProvider.System,
                OnFault = fault =>
                {
                    lock (faults)
                    {
                        faults.Add(fault);
                    }
                },
            },
            transport,
            listener?.Invoke(options) ?? options);
        return new BrokerFixture(transport, server, faults);
    }

    /// <summary>Connects and exchanges HELLO and WELCOME.</summary>
    public async Task<WireConnection> ConnectAsync(QuicTlsOptions? tls = null, Func<QuicClientOptions, QuicClientOptions>? client = null)
    {
        var connection = await ConnectRawAsync("broker/1", tls, client);
        await connection.HelloAsync();
        return connection;
    }

    /// <summary>Connects and says nothing.</summary>
    public async Task<WireConnection> ConnectRawAsync(string alpn, QuicTlsOptions? tls = null, Func<QuicClientOptions, QuicClientOptions>? client = null)
    {
        var options = new QuicClientOptions
        {
            EndPoint = Server.LocalEndPoint,
            ServerName = "localhost",
            Tls = tls ?? TestCertificates.Client,
            ApplicationProtocols = [alpn],
        };
        return new(await Transport.ConnectAsync(client?.Invoke(options) ?? options));
    }

    /// <summary>A connection of its own with one admin stream.</summary>
    public async Task<WireAdmin> AdministerAsync()
    {
        var connection = await ConnectAsync(TestCertificates.AdminClient);
        return new WireAdmin(connection, await connection.OpenAsync(StreamKind.Admin));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Transport.DisposeAsync();
        lock (_faults)
        {
            Assert.Empty(_faults);
        }
    }
}
