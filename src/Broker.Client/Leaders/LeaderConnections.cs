using Broker.Client.Connections;

namespace Broker.Client.Leaders;

/// <summary>
/// Connections to the nodes that lead queues, beside the client's own: at most one to each node, made when somebody wants to be there, closed when nobody has been there for
/// <see cref="s_unused"/>. None of them is needed: who cannot be at a leader is at the client's own connection, from where every queue is served.
/// </summary>
/// <param name="options">The client's options.</param>
/// <param name="keeper">The client's own connection.</param>
/// <param name="leaderOf">Asks there where a queue's leader is: an address, or empty if it is that node, or <c>null</c> if it is not known. Does not fail but by the token.</param>
internal sealed partial class LeaderConnections(BrokerClientOptions options, ConnectionKeeper keeper, Func<string, CancellationToken, Task<string?>> leaderOf) : IAsyncDisposable
{
    /// <summary>How long whoever wants to be at a leader waits for the connection; then it is at the client's own, and moves later.</summary>
    private static readonly TimeSpan s_wait = TimeSpan.FromSeconds(1);

    /// <summary>How long a node that could not be reached, or was silent, is not tried again: the others may take it for the leader a while longer.</summary>
    private static readonly TimeSpan s_avoidance = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan s_unused = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<BrokerEndpoint, LeaderNode> _nodes = [];
    private readonly Dictionary<BrokerEndpoint, long> _avoided = [];
    private readonly HashSet<LeaderPlace> _places = [];
    private readonly HashSet<Task> _open = []; // connections that are being made, and those that are not over yet

    /// <summary>Where a stream for a queue is best opened now. Waits for the leader a little, and else is content with the client's own connection.</summary>
    /// <exception cref="BrokerConnectionException">The client has no connection and will have none.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public async ValueTask<Place> GetPlaceAsync(string queue, bool staysUntilLost, CancellationToken cancellationToken)
    {
        await keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        var (isKnown, node) = await FindAsync(queue, cancellationToken).ConfigureAwait(false);
        var main = await keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            if (node is not { IsOpen: true })
            {
                node = null;
            }
            else
            {
                node.Users++;
                node.Uses++;
            }

            var place = LeaderPlace.Create(this, queue, node?.Connected.Result ?? main, node, staysUntilLost);
            _places.Add(place);
            CheckSoon(isKnown);
            return place;
        }
    }

    /// <summary>A stream is over.</summary>
    public void Release(LeaderPlace place)
    {
        lock (_gate)
        {
            if (_places.Remove(place) && place.Node is { } node && --node.Users == 0)
            {
                _ = CloseIfUnusedAsync(node);
            }
        }
    }

    /// <summary>Closes all connections. End the streams before.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        while (true)
        {
            Task[] open;
            lock (_gate)
            {
                _open.RemoveWhere(static task => task.IsCompleted);
                open = [.. _open];
            }

            if (open.Length == 0)
            {
                break;
            }

            await Task.WhenAll(open).ConfigureAwait(false);
        }

        _stop.Dispose();
    }

    /// <summary>Finds the leader's node.</summary>
    /// <returns>Whether the best place is known and can be reached; and the node, <c>null</c> for that of the client's own connection.</returns>
    private async Task<(bool IsKnown, LeaderNode? Node)> FindAsync(string queue, CancellationToken cancellationToken)
    {
        var address = await leaderOf(queue, cancellationToken).ConfigureAwait(false);
        if (address is null or "" || !BrokerEndpoint.TryParse(address, out var endpoint))
        {
            return (address is "", null);
        }

        LeaderNode? node;
        lock (_gate)
        {
            if (IsAvoided(endpoint) || _stop.IsCancellationRequested)
            {
                return (false, null);
            }

            if (!_nodes.TryGetValue(endpoint, out node) || (node.Connected.IsCompleted && !node.IsOpen))
            {
                node = _nodes[endpoint] = new LeaderNode(endpoint);
                node.Connected = ConnectAsync(node);
                _open.RemoveWhere(static task => task.IsCompleted);
                _open.Add(node.Connected);
            }
        }

        try
        {
            var connection = await node.Connected.WaitAsync(s_wait, options.TimeProvider, cancellationToken).ConfigureAwait(false);
            return connection is null ? (false, null) : (true, node);
        }
        catch (TimeoutException)
        {
            return (false, null);
        }
    }

    private async Task<BrokerConnection?> ConnectAsync(LeaderNode node)
    {
        await Task.Yield();
        try
        {
            var connection = await Connector.ConnectAsync(options, node.Endpoint, _stop.Token).ConfigureAwait(false);
            lock (_gate)
            {
                _open.Add(KeepAsync(node, connection));
                _ = CloseIfUnusedAsync(node); // nobody may have waited for so long
            }

            return connection;
        }
        catch (Exception e) when (e is BrokerException or OperationCanceledException or ObjectDisposedException)
        {
            lock (_gate)
            {
                Forget(node, avoid: true);
            }

            return null;
        }
    }

    /// <summary>Watches a connection until it is over, and frees it.</summary>
    private async Task KeepAsync(LeaderNode node, BrokerConnection connection)
    {
        await Task.Yield();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var watching = WatchAsync(connection, over.Token);
        await Task.WhenAny(connection.Closed, connection.GoingAway, watching).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        var isSilent = await watching.ConfigureAwait(false);
        lock (_gate)
        {
            Forget(node, avoid: isSilent || connection.Closed.IsCompleted || connection.IsGoingAway);
        }

        if (isSilent && !connection.Closed.IsCompleted)
        {
            await connection.GiveUpAsync("nothing was heard of the node, and another one answers").ConfigureAwait(false);
        }

        await Task.WhenAny(connection.Closed, Task.Delay(Timeout.Infinite, _stop.Token)).ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Watches for silence while the client's own node answers.</summary>
    private async Task<bool> WatchAsync(BrokerConnection connection, CancellationToken cancellationToken)
    {
        if (options.SuspicionTime == Timeout.InfiniteTimeSpan)
        {
            await Task.WhenAny(Task.Delay(Timeout.Infinite, cancellationToken)).ConfigureAwait(false);
            return false;
        }

        var watch = new SilenceWatch(connection, options, AskOwnNodeAsync, static _ => ValueTask.CompletedTask);
        return await watch.WatchAsync(cancellationToken).ConfigureAwait(false) is not null;
    }

    private async Task<OtherNode> AskOwnNodeAsync(CancellationToken cancellationToken)
    {
        var own = await keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        return await Question.AskAsync(own).WaitAsync(cancellationToken).ConfigureAwait(false)
            ? new OtherNode(own, keeper.Endpoint)
            : throw new BrokerConnectionException("the client's own node", Protocol.ErrorCode.Unavailable, "does not answer either");
    }

    private async Task CloseIfUnusedAsync(LeaderNode node)
    {
        var uses = node.Uses;
        if (!await DelayAsync(s_unused).ConfigureAwait(false))
        {
            return;
        }

        BrokerConnection? connection;
        lock (_gate)
        {
            if (node.Users > 0 || node.Uses != uses)
            {
                return;
            }

            Forget(node, avoid: false);
            connection = node.Connected.IsCompletedSuccessfully ? node.Connected.Result : null;
        }

        if (connection is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Under the gate: nobody is sent there any more.</summary>
    private void Forget(LeaderNode node, bool avoid)
    {
        if (_nodes.GetValueOrDefault(node.Endpoint) == node)
        {
            _nodes.Remove(node.Endpoint);
            if (avoid)
            {
                _avoided[node.Endpoint] = options.TimeProvider.GetTimestamp();
            }
        }
    }

    private bool IsAvoided(BrokerEndpoint endpoint)
    {
        if (_avoided.TryGetValue(endpoint, out var since) && options.TimeProvider.GetElapsedTime(since) >= s_avoidance)
        {
            _avoided.Remove(endpoint);
        }

        return _avoided.ContainsKey(endpoint);
    }

    /// <returns><c>false</c> if the client is disposed of meanwhile, or the wait was ended.</returns>
    private async Task<bool> DelayAsync(TimeSpan time, CancellationToken woken = default)
    {
        try
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, woken);
            await Task.Delay(time, options.TimeProvider, linked.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }
}
