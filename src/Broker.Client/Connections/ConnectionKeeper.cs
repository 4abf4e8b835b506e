using Broker.Protocol;

namespace Broker.Client.Connections;

/// <summary>
/// Keeps a client connected: when its connection is lost, or the node goes away, it makes another one. An old connection whose node goes away stays until the
/// node closes it, for what is under way there.
/// </summary>
internal sealed partial class ConnectionKeeper : IConnectionSource, IAsyncDisposable
{
    private readonly BrokerClientOptions _options;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<BrokerConnection> _leaving = [];
    private readonly TaskCompletionSource<BrokerConnectionException?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Func<BrokerConnection, TimeSpan, CancellationToken, Task<IReadOnlyList<BrokerException>>>? _restore;
    private volatile BrokerConnectionException? _end;
    private bool _disposed;

    private ConnectionKeeper(BrokerClientOptions options, BrokerConnection connection, BrokerEndpoint endpoint)
    {
        _options = options;
        Latest = connection;
        Endpoint = endpoint;
    }

    /// <summary>The connection in use, or the last that was.</summary>
    public BrokerConnection Latest { get; private set; }

    /// <summary>Where <see cref="Latest"/> goes.</summary>
    public BrokerEndpoint Endpoint { get; private set; }

    /// <summary>Completes when there is no connection and will be none; with <c>null</c> if this side ended it.</summary>
    public Task<BrokerConnectionException?> Closed => _closed.Task;

    /// <summary>Whether there is a connection, and if not, why.</summary>
    public (ClientState State, BrokerConnectionException? Reason) State
    {
        get
        {
            if (_end is not null)
            {
                return (ClientState.Closed, _end);
            }

            var latest = Latest;
            if (!_options.RecoverConnection)
            {
                return latest.Closed.IsCompleted ? (ClientState.Closed, latest.Closed.Result) : (ClientState.Connected, null);
            }

            return latest.IsGoingAway ? (ClientState.Recovering, latest.GoingAway.Result)
                : latest.Closed.IsCompleted ? (ClientState.Recovering, latest.Closed.Result)
                : (ClientState.Connected, null);
        }
    }

    /// <summary>There is no connection and will be none: whatever fails now fails for good.</summary>
    public bool IsOver => _end is not null;

    /// <summary>Connects to the first endpoint that answers.</summary>
    public static async Task<ConnectionKeeper> ConnectAsync(BrokerClientOptions options, CancellationToken cancellationToken)
    {
        var (connection, endpoint) = await ConnectAnyAsync(options, lost: null, cancellationToken).ConfigureAwait(false);
        return new ConnectionKeeper(options, connection, endpoint);
    }

    /// <summary>Watches the connection from now on.</summary>
    /// <param name="restore">Makes again on a new connection what went with the old one; returns what could not be. The time is how long to wait for what the old one may still
    /// hold.</param>
    public void Start(Func<BrokerConnection, TimeSpan, CancellationToken, Task<IReadOnlyList<BrokerException>>> restore)
    {
        _restore = restore;
        _ = RunAsync();
    }

    /// <summary>A connection that was not lost a moment ago; waits while one is being made.</summary>
    /// <exception cref="BrokerConnectionException">There is none and will be none.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public async ValueTask<BrokerConnection> GetAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, typeof(BrokerClient));
                if (_end is not null)
                {
                    throw _end;
                }

                if (!_options.RecoverConnection || (!Latest.Closed.IsCompleted && !Latest.IsGoingAway))
                {
                    return Latest;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask<Place> GetPlaceAsync(CancellationToken cancellationToken)
    {
        var connection = await GetAsync(cancellationToken).ConfigureAwait(false);
        return new Place(connection, connection.GoingAway);
    }

    void IConnectionSource.AvoidDetours()
    {
        // There are none.
    }

    /// <summary>Says goodbye on all connections. What is not sent yet is lost: end the streams before.</summary>
    public async ValueTask DisposeAsync()
    {
        BrokerConnection[] connections;
        lock (_gate)
        {
            _disposed = true;
            connections = [Latest, .. _leaving];
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(connections.Select(static connection => connection.DisposeAsync().AsTask())).ConfigureAwait(false);
        await Closed.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            End(await KeepAsync().ConfigureAwait(false));
        }
        catch (Exception e)
        {
            // A callback threw, or the transport is gone. Nobody may wait for a connection that nobody makes.
            End(new BrokerConnectionException("connect again", ErrorCode.InternalError, e.Message, retryable: false, innerException: e));
        }
    }

    /// <summary>Makes one connection after the other.</summary>
    /// <returns>Why there are no more; <c>null</c> if this side ended it.</returns>
    private async Task<BrokerConnectionException?> KeepAsync()
    {
        if (!_options.RecoverConnection)
        {
            return await Latest.Closed.ConfigureAwait(false);
        }

        while (true)
        {
            var (connection, endpoint) = (Latest, Endpoint);
            var other = await UntilLostAsync(connection, endpoint).ConfigureAwait(false);
            var leaves = !connection.Closed.IsCompleted;
            var reason = leaves ? await connection.GoingAway.ConfigureAwait(false) : await connection.Closed.ConfigureAwait(false);
            _ = LetGoAsync(connection);
            if (reason is not { IsRetryable: true })
            {
                await DropAsync(other).ConfigureAwait(false);
                return reason;
            }

            _options.OnConnectionLost?.Invoke(new ConnectionLost(endpoint, reason, leaves));
            if (await RecoverAsync(endpoint, other).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }
        }
    }

    private void End(BrokerConnectionException? reason)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                reason = null;
            }

            _end = reason ?? new BrokerConnectionException("the client was disposed", ErrorCode.NoError, "", retryable: false);
        }

        _changed.TrySetResult();
        _closed.TrySetResult(reason);
    }

    /// <summary>Connects again.</summary>
    /// <param name="lost">The endpoint that was lost.</param>
    /// <param name="other">A node that has answered already; <c>null</c>: none.</param>
    /// <returns><c>null</c>, or why not.</returns>
    private async Task<BrokerConnectionException?> RecoverAsync(BrokerEndpoint lost, OtherNode? other)
    {
        var pacer = new RecoveryPacer(_options);
        try
        {
            while (true)
            {
                try
                {
                    var (ready, patience) = (other, other is null ? TimeSpan.Zero : _options.IdleTimeout);
                    other = null;
                    var (connection, endpoint) = ready ?? await ConnectAnyAsync(_options, lost, _stop.Token).ConfigureAwait(false);
                    await TakeAsync(connection, endpoint, patience).ConfigureAwait(false);
                    return null;
                }
                catch (BrokerConnectionException e)
                {
                    if (!e.IsRetryable || !await pacer.WaitAsync(_stop.Token).ConfigureAwait(false))
                    {
                        return e;
                    }
                }
            }
        }
        catch (OperationCanceledException e)
        {
            return new BrokerConnectionException("the client was disposed", ErrorCode.NoError, "", retryable: false, innerException: e);
        }
    }

    /// <summary>Uses a new connection from now on.</summary>
    private async ValueTask TakeAsync(BrokerConnection connection, BrokerEndpoint endpoint, TimeSpan patience)
    {
        TaskCompletionSource? changed = null;
        IReadOnlyList<BrokerException> notRestored = [];
        try
        {
            notRestored = await _restore!(connection, patience, _stop.Token).ConfigureAwait(false);
            lock (_gate)
            {
                if (!_disposed)
                {
                    Latest = connection;
                    Endpoint = endpoint;
                    changed = _changed;
                    _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }

            if (changed is null)
            {
                throw new OperationCanceledException("the client was disposed");
            }
        }
        finally
        {
            if (changed is null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }

        Telemetry.ClientMetrics.Reconnected(_options.ClientName);
        _options.OnConnectionRecovered?.Invoke(new ConnectionRecovered(endpoint, connection.Welcome.NodeId, notRestored));
        changed.TrySetResult();
    }

    /// <summary>Frees a connection when it has ended.</summary>
    private async Task LetGoAsync(BrokerConnection connection)
    {
        lock (_gate)
        {
            _leaving.Add(connection);
        }

        await connection.Closed.ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _leaving.Remove(connection);
        }
    }

    private static async Task<OtherNode> ConnectAnyAsync(
        BrokerClientOptions options, BrokerEndpoint? lost, CancellationToken cancellationToken)
    {
        BrokerConnectionException? last = null;
        foreach (var endpoint in InOrder(options, lost))
        {
            try
            {
                return new OtherNode(await Connector.ConnectAsync(options, endpoint, cancellationToken).ConfigureAwait(false), endpoint);
            }
            catch (BrokerConnectionException e)
            {
                last = e;
                if (!e.IsRetryable)
                {
                    break;
                }
            }
        }

        throw last!;
    }

    private static IEnumerable<BrokerEndpoint> InOrder(BrokerClientOptions options, BrokerEndpoint? lost)
    {
        var endpoints = options.Endpoints.ToArray();
        if (!options.KeepEndpointOrder)
        {
            new Random().Shuffle(endpoints);
        }

        return endpoints.OrderBy(endpoint => endpoint == lost);
    }
}
