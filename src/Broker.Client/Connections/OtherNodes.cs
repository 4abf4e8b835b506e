using System.Net;

namespace Broker.Client.Connections;

/// <summary>Connects to whoever answers first while one node is silent: an attempt after the other without waiting for the end of the one before.</summary>
internal static class OtherNodes
{
    /// <summary>Attempts at a name that is the only endpoint: a service may lead each of them to another node.</summary>
    private const int AttemptsAtName = 3;

    /// <summary>Whom to try. A name is worth another attempt, as it may stand for several nodes; an address is not.</summary>
    public static IReadOnlyList<BrokerEndpoint> Of(BrokerClientOptions options, BrokerEndpoint silent)
    {
        BrokerEndpoint[] others = [.. options.Endpoints.Where(endpoint => endpoint != silent).Distinct()];
        if (!options.KeepEndpointOrder)
        {
            Random.Shared.Shuffle(others);
        }

        return IPAddress.TryParse(silent.Host, out _) ? others
            : others.Length > 0 ? [.. others, silent]
            : [.. Enumerable.Repeat(silent, AttemptsAtName)];
    }

    /// <summary>Connects to the first that answers.</summary>
    /// <param name="options">The client's options.</param>
    /// <param name="endpoints">Whom to try, at least one.</param>
    /// <param name="silent">The address that is tried last among those of a name.</param>
    /// <param name="headStart">How long an attempt has for itself before the next one begins.</param>
    /// <param name="cancellationToken">Ends all attempts.</param>
    /// <exception cref="BrokerConnectionException">Nobody answers.</exception>
    public static async Task<OtherNode> ConnectAsync(
        BrokerClientOptions options, IReadOnlyList<BrokerEndpoint> endpoints, IPEndPoint silent, TimeSpan headStart, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<OtherNode>>();
        Task<OtherNode>? first = null;
        for (var next = 0; first is null && !cancellationToken.IsCancellationRequested; next++)
        {
            if (next < endpoints.Count)
            {
                attempts.Add(AttemptAsync(endpoints[next]));
            }

            first = attempts.Find(static attempt => attempt.IsCompletedSuccessfully);
            Task[] open = [.. attempts.Where(static attempt => !attempt.IsCompleted)];
            if (first is not null || (open.Length == 0 && next >= endpoints.Count - 1))
            {
                break;
            }

            if (open.Length > 0)
            {
                // Whoever refuses gives way to the next one at once, and the last one waits for all.
                var turn = next < endpoints.Count - 1 ? Task.Delay(headStart, options.TimeProvider, over.Token) : Task.Delay(Timeout.Infinite, over.Token);
                await Task.WhenAny([turn, .. open]).ConfigureAwait(false);
                first = attempts.Find(static attempt => attempt.IsCompletedSuccessfully);
            }
        }

        await over.CancelAsync().ConfigureAwait(false);
        foreach (var attempt in attempts.Where(attempt => attempt != first))
        {
            _ = DropAsync(attempt);
        }

        return first is not null || attempts.Count > 0 ? await (first ?? attempts[^1]).ConfigureAwait(false) : throw new OperationCanceledException(cancellationToken);

        async Task<OtherNode> AttemptAsync(BrokerEndpoint endpoint) =>
            new(await Connector.ConnectAsync(options, endpoint, over.Token, last: silent).ConfigureAwait(false), endpoint);
    }

    private static async Task DropAsync(Task<OtherNode> attempt)
    {
        try
        {
            await (await attempt.ConfigureAwait(false)).Connection.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is BrokerConnectionException or OperationCanceledException or ObjectDisposedException)
        {
            // It led nowhere.
        }
    }
}
