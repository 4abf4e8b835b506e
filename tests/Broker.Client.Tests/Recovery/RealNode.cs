using System.Net;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Client.Tests.Recovery;

/// <summary>A node in this process, on a network and a disk that outlive it.</summary>
internal sealed class RealNode : IAsyncDisposable
{
    private readonly SingleNodeStorage _storage;
    private readonly BrokerServer _server;

    private RealNode(CuttingTransport transport, SingleNodeStorage storage, BrokerServer server)
    {
        Transport = transport;
        _storage = storage;
        _server = server;
    }

    public CuttingTransport Transport { get; }

    public static async Task<RealNode> StartAsync(InMemoryNetwork network, MemoryDisk disk, int port)
    {
        var storage = SingleNodeStorage.Open(disk, new StoreOptions { NodeName = $"node-{port}" });
        var transport = new CuttingTransport(new InMemoryTransport(network));
        var server = await BrokerServer.StartAsync(
            new BrokerServerOptions { NodeId = $"node-{port}", Storage = storage.Options },
            transport,
            new QuicListenerOptions
            {
                EndPoint = new IPEndPoint(IPAddress.Loopback, port),
                Tls = TestCertificates.Server,
                ApplicationProtocols = BrokerServer.ApplicationProtocols,
            });
        return new RealNode(transport, storage, server);
    }

    /// <summary>A client's options, on a transport that the caller disposes of.</summary>
    public static BrokerClientOptions Options(InMemoryTransport transport, params int[] ports) => Scripted.ScriptedBroker.Recovering(new BrokerClientOptions
    {
        Endpoints = [.. ports.Select(static port => new BrokerEndpoint("127.0.0.1", port))],
        KeepEndpointOrder = true,
        ServerName = "localhost",
        Tls = TestCertificates.Client,
        Transport = transport,
        ClientName = "tests",
    });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _storage.DisposeAsync();
        await Transport.DisposeAsync();
    }
}
