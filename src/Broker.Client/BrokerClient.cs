using System.Collections.Concurrent;
using Broker.Client.Connections;
using Broker.Client.Leaders;
using Broker.Client.Requests;

namespace Broker.Client;

/// <summary>
/// A connection to a broker, made again when it is lost. Thread-safe; one for a program is enough. Publishers, consumers and requests have streams of their
/// own on it, so none waits for another.
/// </summary>
/// <remarks>
/// <para>Cancelling an operation ends the wait and abandons the result; the connection and everything else on it go on. Whether the broker has carried the
/// operation out is
/// then unknown.</para>
/// <para>When the connection is lost, another one is made, to another of the <see cref="BrokerClientOptions.Endpoints"/> if there is one. Publishers send again
/// what has no outcome, and no queue takes it twice; consumers go on, and get again what was not settled; declarations and bindings that went with the
/// connection or the node are made again; requests that may be repeated are. Echoes, administration commands, purges and gets fail.</para>
/// <para>When no connection can be made within <see cref="BrokerClientOptions.RecoveryPatience"/>, or a node refuses for good, everything under way fails with
/// <see cref="BrokerConnectionException"/> and the client stays closed.</para>
/// </remarks>
public sealed partial class BrokerClient : IAsyncDisposable
{
    private readonly BrokerClientOptions _options;
    private readonly ConnectionKeeper _keeper;
    private readonly DeclaredTopology _declared;
    private readonly LeaderConnections _leaders;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<IAsyncDisposable, bool> _children = new();
    private Publishing.PublishChannel? _sharedPublisher;
    private RequestStream? _requests;
    private BrokerConnection? _requestsConnection;
    private int _disposals;
    private int _disposed;

    private BrokerClient(BrokerClientOptions options, ConnectionKeeper keeper)
    {
        _options = options;
        _keeper = keeper;
        _declared = new DeclaredTopology(options.TimeProvider);
        _leaders = new LeaderConnections(options, keeper, LeaderOfAsync);
        keeper.Start(_declared.RestoreAsync);
    }

    /// <summary>The endpoint that answered; like everything here about the node, of the latest connection.</summary>
    public BrokerEndpoint Endpoint => _keeper.Endpoint;

    /// <summary>The node's name.</summary>
    public string NodeId => _keeper.Latest.Welcome.NodeId;

    /// <summary>The cluster's name.</summary>
    public string ClusterName => _keeper.Latest.Welcome.ClusterName;

    /// <summary>Version of the node's software.</summary>
    public string ServerVersion => _keeper.Latest.Welcome.ProductVersion;

    /// <summary>The name that the broker knows this client by: the user of its certificate.</summary>
    public string Identity => _keeper.Latest.Welcome.Identity;

    /// <summary>The largest message that the node takes, in bytes: exchange, routing key, properties and body.</summary>
    public int MaxMessageBytes => _keeper.Latest.Welcome.MaxMessageBytes;

    /// <summary>
    /// The node has said that it will close the connection soon, and there is no other yet. Without <see cref="BrokerClientOptions.RecoverConnection"/>:
    /// finish what is under way; nothing new can be opened.
    /// </summary>
    public bool IsGoingAway => _keeper.Latest.IsGoingAway;

    /// <summary>Whether there is a connection now.</summary>
    public ClientState State => _keeper.State.State;

    /// <summary>Why there is none; <c>null</c> while there is one.</summary>
    public BrokerConnectionException? StateReason => _keeper.State.Reason;

    /// <summary>
    /// Completes, never faults, when the connection has ended and will not be made again; with <c>null</c> if <see cref="DisposeAsync"/> ended it, else with
    /// the reason.
    /// </summary>
    public Task<BrokerConnectionException?> Closed => _keeper.Closed;

    /// <summary>Connects to the first endpoint that answers.</summary>
    /// <exception cref="BrokerConnectionException">None did; this is what the last one said. A refusal that no other node would lift ends the search at
    /// once.</exception>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    public static async Task<BrokerClient> ConnectAsync(BrokerClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new BrokerClient(options, await ConnectionKeeper.ConnectAsync(options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// Lets handlers that run finish, which may publish meanwhile, then publishers and consumers, each within <see cref="BrokerClientOptions.CloseTimeout"/>, and says
    /// goodbye. Unsettled messages go back to their queues. Does not throw.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Increment(ref _disposals) != 1)
        {
            await Closed.ConfigureAwait(false);
            return;
        }

        await Task.WhenAll(_children.Keys.OfType<CallbackConsumer>().Select(static consumer => consumer.DisposeAsync().AsTask())).ConfigureAwait(false);
        Volatile.Write(ref _disposed, 1);

        Publishing.PublishChannel? publisher;
        RequestStream? requests;
        Replies.RequestChannel? replies;
        lock (_gate)
        {
            (publisher, requests, replies) = (_sharedPublisher, _requests, _replies);
        }

        await Task.WhenAll(
            _children.Keys.Select(static child => child.DisposeAsync().AsTask())
                .Append(publisher is null ? Task.CompletedTask : EndAsync(publisher))
                .Append(replies?.DisposeAsync().AsTask() ?? Task.CompletedTask)
                .Append(requests is null ? Task.CompletedTask : EndAsync(requests.EndAsync, requests.Abandon))).ConfigureAwait(false);
        await _leaders.DisposeAsync().ConfigureAwait(false);
        await _keeper.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Ends a publisher in order, or gives it up after the time for that.</summary>
    internal Task EndAsync(Publishing.PublishChannel publisher) => EndAsync(publisher.EndAsync, publisher.Abandon);

    private async Task EndAsync(Func<CancellationToken, Task> endAsync, Action abandon)
    {
        using var timeout = new CancellationTokenSource(_options.CloseTimeout, _options.TimeProvider);
        try
        {
            await endAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            abandon();
        }
    }

    internal void Forget(IAsyncDisposable child) => _children.TryRemove(child, out _);
}
