namespace Broker.Client.Connections;

/// <summary>A node that is silent: dead, stopped or cut off.</summary>
internal sealed partial class ConnectionKeeper
{
    /// <summary>
    /// Waits until the connection has ended, its node goes away, or it is given up because the node is silent and another one is not.
    /// </summary>
    /// <returns>That other one, if it is needed now.</returns>
    private async Task<OtherNode?> UntilLostAsync(BrokerConnection connection, BrokerEndpoint endpoint)
    {
        var lost = Task.WhenAny((Task)connection.Closed, connection.GoingAway);
        var others = OtherNodes.Of(_options, endpoint);
        if (_options.SuspicionTime == Timeout.InfiniteTimeSpan || others.Count == 0)
        {
            await lost.ConfigureAwait(false);
            return null;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var watch = new SilenceWatch(
            connection,
            _options,
            token => OtherNodes.ConnectAsync(_options, OtherNodes.Of(_options, endpoint), connection.RemoteEndPoint, _options.SuspicionTime, token),
            static other => other.Connection.DisposeAsync());
        var watching = watch.WatchAsync(over.Token);
        await Task.WhenAny(lost, watching).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        var other = await watching.ConfigureAwait(false);
        if (other is not null && !lost.IsCompleted)
        {
            await connection.GiveUpAsync($"nothing was heard of the node, and '{other.Connection.Welcome.NodeId}' answers").ConfigureAwait(false);
        }

        await lost.ConfigureAwait(false);
        return other;
    }

    private static ValueTask DropAsync(OtherNode? other) => other?.Connection.DisposeAsync() ?? ValueTask.CompletedTask;
}
