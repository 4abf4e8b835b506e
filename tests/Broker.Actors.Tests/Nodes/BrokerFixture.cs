using System.Net;
using System.Text.Json.Nodes;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Protocol;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Transport;
using Broker.Transport.InMemory;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Nodes;

/// <summary>A whole node on the in-memory transport, and clients that speak the wire protocol frame by frame.</summary>
internal sealed class BrokerFixture : IAsyncDisposable
{
    private readonly List<ActorFault> _faults;
    private readonly SingleNodeStorage _storage;
    private readonly Task<BrokerServer> _starting;
    private readonly IPEndPoint _endPoint;

    private BrokerFixture(InMemoryTransport transport, IPEndPoint endPoint, Task<BrokerServer> starting, SingleNodeStorage storage, List<ActorFault> faults)
    {
        Transport = transport;
        _endPoint = endPoint;
        _starting = starting;
        _storage = storage;
        _faults = faults;
    }

    /// <summary>Small enough for a test to fill several files.</summary>
    public static LogOptions SmallLog { get; } = new() { FileBytes = 1 << 20, MaxBytes = 4 << 20 };

    public InMemoryTransport Transport { get; }

    /// <summary>The node, once it has started.</summary>
    public Task<BrokerServer> ServerAsync() => _starting.WaitAsync(WireConnection.Timeout);

    /// <summary>Starts a node. A second one on the disk of one that was disposed of is a restart.</summary>
    public static async Task<BrokerFixture> StartAsync(
        BrokerLimits? limits = null,
        TimeProvider? time = null,
        Func<QuicListenerOptions, QuicListenerOptions>? listener = null,
        IDisk? disk = null,
        Func<BrokerStorageOptions, BrokerStorageOptions>? storage = null,
        Func<StoreOptions, StoreOptions>? store = null,
        Func<BrokerServerOptions, BrokerServerOptions>? server = null)
    {
        var broker = await ListenAsync(limits, time, listener, disk, storage, store, server);
        await broker.ServerAsync();
        return broker;
    }

    /// <summary>Begins to start a node, and comes back as soon as it listens.</summary>
    public static async Task<BrokerFixture> ListenAsync(
        BrokerLimits? limits = null,
        TimeProvider? time = null,
        Func<QuicListenerOptions, QuicListenerOptions>? listener = null,
        IDisk? disk = null,
        Func<BrokerStorageOptions, BrokerStorageOptions>? storage = null,
        Func<StoreOptions, StoreOptions>? store = null,
        Func<BrokerServerOptions, BrokerServerOptions>? server = null)
    {
        var opened = new StoreOptions { NodeName = "node-1", Log = SmallLog };
        var stored = SingleNodeStorage.Open(disk ?? new MemoryDisk(), store?.Invoke(opened) ?? opened, configure: storage);
        var faults = new List<ActorFault>();
        var transport = new InMemoryTransport();
        var listening = new TaskCompletionSource<IPEndPoint>(TaskCreationOptions.RunContinuationsAsynchronously);
        var options = new QuicListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 7400),
            Tls = TestCertificates.Server,
            ApplicationProtocols = BrokerServer.ApplicationProtocols,
        };
        var served = new BrokerServerOptions
        {
            NodeId = "node-1",
            Storage = stored.Options,
            Limits = limits ?? new BrokerLimits(),
            TimeProvider = time ?? TimeProvider.System,
            OnListening = listening.SetResult,
            OnFault = fault =>
            {
                lock (faults)
                {
                    faults.Add(fault);
                }
            },
        };
        var starting = BrokerServer.StartAsync(server?.Invoke(served) ?? served, transport, listener?.Invoke(options) ?? options).AsTask();
        await Task.WhenAny(listening.Task, starting).WaitAsync(WireConnection.Timeout);
        if (!listening.Task.IsCompleted)
        {
            await stored.DisposeAsync();
            await starting; // throws
        }

        return new BrokerFixture(transport, await listening.Task, starting, stored, faults);
    }

    /// <summary>Connects and exchanges HELLO and WELCOME.</summary>
    public async Task<WireConnection> ConnectAsync(
        QuicTlsOptions? tls = null, Func<QuicClientOptions, QuicClientOptions>? client = null, string vhost = ProtocolInfo.DefaultVhost)
    {
        var connection = await ConnectRawAsync("broker/1", tls, client);
        await connection.HelloAsync(new HelloFrame { ClientName = "test", Vhost = vhost });
        return connection;
    }

    /// <summary>Connects to a vhost, and expects that this is refused.</summary>
    public async Task<string> ConnectRefusedAsync(ErrorCode code, string vhost = ProtocolInfo.DefaultVhost, QuicTlsOptions? tls = null, string alpn = "broker/1")
    {
        await using var connection = await ConnectRawAsync(alpn, tls);
        if (alpn == "broker/1")
        {
            var control = await connection.OpenAsync(StreamKind.Control);
            await control.SendAsync(w => new HelloFrame { ClientName = "test", Vhost = vhost }.Write(w));
        }

        var closed = await connection.ClosedAsync();
        Assert.Equal((QuicError.ConnectionAborted, (long?)code), (closed.Error, closed.ErrorCode));
        return closed.Reason ?? "";
    }

    /// <summary>Connects and says nothing.</summary>
    public async Task<WireConnection> ConnectRawAsync(string alpn, QuicTlsOptions? tls = null, Func<QuicClientOptions, QuicClientOptions>? client = null)
    {
        var options = new QuicClientOptions
        {
            EndPoint = _endPoint,
            ServerName = "localhost",
            Tls = tls ?? TestCertificates.Client,
            ApplicationProtocols = [alpn],
        };
        return new(await Transport.ConnectAsync(client?.Invoke(options) ?? options));
    }

    /// <summary>A connection of its own with one admin stream.</summary>
    public async Task<WireAdmin> AdministerAsync(Func<QuicClientOptions, QuicClientOptions>? client = null)
    {
        var connection = await ConnectAsync(TestCertificates.AdminClient, client);
        return new WireAdmin(connection, await connection.OpenAsync(StreamKind.Admin));
    }

    /// <summary>
    /// The row of <c>store show</c> once the store has nothing more to do: nothing of the log is to be given up, its next file is there, and what is said of publishers fits the space that is free.
    /// While nobody publishes, settles or deletes anything, it then stays so.
    /// </summary>
    public async Task<JsonObject> StoreAtRestAsync(WireAdmin admin)
    {
        var log = _storage.Options.Store.Log;
        var same = 0;
        var last = "";
        return await WireAdmin.UntilAsync(
            async () => (await admin.RunAsync("store show"))[0],
            shown =>
            {
                var now = shown.ToJsonString();
                var isWaiting = (string)shown["blocked"]! != "";
                var hasToWait = (long)shown["freeBytes"]! < (long)shown["freeBytesMin"]!;
                same = now == last && log.HasSpare && log.RetirementGoal() <= log.StartPosition && isWaiting == hasToWait ? same + 1 : 0;
                last = now;
                return same >= 100; // else one that has looked at the disk before might still be about to say what it saw
            },
            "the log to be within its bounds and the store to have come to rest");
    }

    /// <summary>Faults of actors so far, which the test has brought about.</summary>
    public List<ActorFault> TakeFaults()
    {
        lock (_faults)
        {
            List<ActorFault> taken = [.. _faults];
            _faults.Clear();
            return taken;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_starting.IsFaulted)
        {
            await (await ServerAsync()).DisposeAsync();
        }

        await _storage.DisposeAsync();
        await Transport.DisposeAsync();
        lock (_faults)
        {
            Assert.Empty(_faults);
        }
    }
}
