using System.Net;
using Broker.Actors.Admin;
using Broker.Actors.Bbq;
using Broker.Actors.Cluster;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Protocol;
using Broker.Storage.Log;
using Broker.Transport;

namespace Broker.Actors.Server;

/// <summary>One running broker node: the actor system with everything in it, behind one listener.</summary>
public sealed class BrokerServer : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(3); // beyond the time to hand over: to end the lease
    private readonly ActorSystem _system;
    private readonly IQuicListener _listener;
    private readonly NodeServices _node;

    private BrokerServer(ActorSystem system, IQuicListener listener, NodeServices node)
    {
        _system = system;
        _listener = listener;
        _node = node;
    }

    /// <summary>The application protocols that a node serves its clients, in order of preference; for <see cref="QuicConnectionOptions.ApplicationProtocols"/>.</summary>
    public static IReadOnlyList<string> ApplicationProtocols { get; } = [.. Protocols.Select(p => p.Alpn)];

    /// <summary>Where the node listens.</summary>
    public IPEndPoint LocalEndPoint => _listener.LocalEndPoint;

    /// <summary>What keeps the node from serving everything, for people; <c>null</c> if nothing does.</summary>
    public string? Problem => _node.Storage is { Log.State: LogState.Failed } storage ? storage.Log.Reason : null;

    /// <summary>The listener's counters.</summary>
    public QuicListenerStatistics ListenerStatistics => _listener.Statistics;

    /// <summary>For tests.</summary>
    internal NodeServices Node => _node;

    /// <summary>For tests.</summary>
    internal ActorSystem System => _system;

    private static IReadOnlyList<IApplicationProtocol> Protocols => [new BrokerProtocol(), new BbqProtocol()];

    /// <summary>
    /// Listens, recovers what is on disk, and starts the actors. While that takes, clients may connect and administrators may ask how far it is; streams that need queues wait, so that the
    /// first client finds everything there.
    /// </summary>
    /// <param name="options">What the node is.</param>
    /// <param name="transport">The QUIC backend; stays the caller's.</param>
    /// <param name="listener">Address, TLS and limits of the listener. Its protocols, continuations and default codes are set here, and the connection's window is
    /// raised to that of all its streams together.</param>
    /// <param name="cancellationToken">Gives the start up.</param>
    /// <exception cref="ArgumentException">A limit is out of range.</exception>
    /// <exception cref="FormatException">The definitions are none.</exception>
    /// <exception cref="QuicTransportException">The address cannot be listened on.</exception>
    /// <exception cref="IOException">What is on disk cannot be used as it is; the message says why and what to do.</exception>
    public static async ValueTask<BrokerServer> StartAsync(
        BrokerServerOptions options, IQuicTransport transport, QuicListenerOptions listener, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(listener);
        options.Limits.Validate();
        options.Cluster?.Validate();
        if (options is { Cluster: not null, Storage: null })
        {
            throw new ArgumentException("a node of a cluster needs Storage, for what it keeps and for what the cluster agrees in");
        }

        var system = EmbeddedActorSystem.Create("broker", new ActorSystemOptions { TimeProvider = options.TimeProvider, Dispatcher = options.Dispatcher, OnFault = options.OnFault });
        IQuicListener? bound = null;
        try
        {
            var node = new NodeServices(options);
            await node.Users.LoadAsync(cancellationToken);
            await node.Addresses.LoadAsync(cancellationToken);
            await node.Access.LoadAsync(cancellationToken);
            await node.Policies.LoadAsync(cancellationToken);
            await node.Vhosts.LoadAsync(options.Storage?.Metadata, cancellationToken);
            IReadOnlyList<IApplicationProtocol> protocols = node.Cluster is { } cluster ? [.. Protocols, cluster.LinkProtocol] : Protocols;
            listener = listener with { MaxInboundStreams = Math.Max(listener.MaxInboundStreams, StreamsOfLink(options)) };
            bound = await transport.ListenAsync(
                listener with
                {
                    ApplicationProtocols = [.. protocols.Select(p => p.Alpn)],
                    ConnectionReceiveWindow = WindowOfAllStreams(listener),
                    InlineContinuations = true, // every continuation here posts a message and returns
                    DefaultStreamErrorCode = (long)ErrorCode.InternalError,
                    DefaultCloseErrorCode = (long)ErrorCode.InternalError,
                },
                cancellationToken);
            node.Commands = BuiltInCommands.Create(system, node, transport, bound);
            system.ActorOf(Props.Create(() => new ListenerActor(bound, protocols.ToDictionary(p => p.Alpn), node)), "listener");
            node.Cluster?.SetNetwork(transport, bound.LocalEndPoint);
            options.OnListening?.Invoke(bound.LocalEndPoint);
            await NodeStart.RunAsync(system, node, cancellationToken);
            return new BrokerServer(system, bound, node);
        }
        catch
        {
            if (bound is not null)
            {
                await bound.DisposeAsync();
            }

            await system.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Room for every stream's window at once. Streams that the broker does not read hold on to what they have received; with less room, enough of them would
    /// use the connection's window up and stop its other streams with them.
    /// </summary>
    private static int WindowOfAllStreams(QuicListenerOptions listener) =>
        (int)Math.Min(int.MaxValue, Math.Max(listener.ConnectionReceiveWindow, (long)listener.MaxInboundStreams * listener.StreamReceiveWindow));

    /// <summary>Another node's connection has a control stream, one for inboxes and, for each shard, one for its log and one for its queues; as many again while those of the past end.</summary>
    private static int StreamsOfLink(BrokerServerOptions options) => options.Cluster is null ? 0 : 3 + (4 * options.ShardCount);

    /// <summary>Uses another certificate for connections from now on; those that exist stay.</summary>
    /// <exception cref="QuicTransportException">It does not parse; the old one stays in use.</exception>
    public void UpdateTls(QuicTlsOptions tls) => _listener.UpdateTls(tls);

    /// <summary>
    /// Hands over to other nodes of the cluster what this one leads, for <see cref="Cluster.BrokerClusterOptions.DrainTimeout"/> at most; accepts no more, tells every client that the node is
    /// stopping, and stops all actors. Idempotent.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await LeaveClusterAsync();
        foreach (var connection in _node.Connections.Connections)
        {
            await connection.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "the node is stopping");
        }

        await _listener.DisposeAsync();
        await _system.TerminateAsync(StopTimeout);
    }

    private async Task LeaveClusterAsync()
    {
        if (_node.Cluster is not { } cluster)
        {
            return;
        }

        try
        {
            await cluster.Cluster.AskAsync<ClusterReply.Done>(new ClusterCommand.Leave(), cluster.Options.DrainTimeout + LeaveTimeout);
        }
        catch (Exception e) when (e is AskTimeoutException or AskUndeliveredException)
        {
            // The node stops nevertheless; its lease ends by itself.
        }
    }
}
