namespace Broker.Client.Connections;

/// <summary>A node that has answered while another one was silent.</summary>
/// <param name="Connection">The connection to it.</param>
/// <param name="Endpoint">Where it is.</param>
internal sealed record OtherNode(BrokerConnection Connection, BrokerEndpoint Endpoint);

/// <summary>
/// Watches one connection, and looks for another node when this one is silent though it owes an answer. Nobody moves blindly: only when the other has answered and this
/// one still has not.
/// </summary>
/// <param name="connection">The connection.</param>
/// <param name="options">The client's options.</param>
/// <param name="findOther">Finds another node that answers; fails if there is none. Its token is cancelled when this one is heard of after all.</param>
/// <param name="drop">Does away with what was found and is not needed.</param>
internal sealed class SilenceWatch(
    BrokerConnection connection, BrokerClientOptions options, Func<CancellationToken, Task<OtherNode>> findOther, Func<OtherNode, ValueTask> drop)
{
    /// <summary>The longest silence of a node that owes an answer before it is asked, if nothing is sent to keep the connection.</summary>
    private static readonly TimeSpan s_longestCalm = TimeSpan.FromSeconds(2);

    /// <summary>What a node has at least to answer after the network has said that nobody is there. Anybody can send that; this node's answer cannot be forged.</summary>
    private static readonly TimeSpan s_leastHearing = TimeSpan.FromMilliseconds(20);

    private const int RoundTripsOfHearing = 4;

    private readonly PeerSilence _silence = new(options.SuspicionTime, LongestCalm(options));
    private Task? _unreachable = connection.PeerUnreachable;

    /// <summary>Watches until another node has answered while this one was silent.</summary>
    /// <returns>The other; <c>null</c> if the token was cancelled.</returns>
    public async Task<OtherNode?> WatchAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var fruitless = 0; ; fruitless++)
            {
                await UntilSuspectAsync(cancellationToken).ConfigureAwait(false);
                if (await FindOtherAsync(cancellationToken).ConfigureAwait(false) is { } other)
                {
                    return other;
                }

                _silence.Forget();
                await DelayAsync(Pause(fruitless), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static TimeSpan LongestCalm(BrokerClientOptions options)
    {
        var calm = options.KeepAliveInterval > TimeSpan.Zero ? options.KeepAliveInterval : s_longestCalm;
        return calm > options.SuspicionTime ? calm : options.SuspicionTime;
    }

    /// <summary>The pause after so many suspicions that came to nothing.</summary>
    private TimeSpan Pause(int fruitless) =>
        TimeSpan.FromTicks((long)Math.Min(options.SuspicionTime.Ticks * Math.Pow(2, Math.Min(fruitless, 16)), options.RecoveryMaxDelay.Ticks));

    private async Task UntilSuspectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var begun = options.TimeProvider.GetTimestamp();
            var tick = DelayAsync(_silence.Interval, cancellationToken);
            await (_unreachable is null ? tick : Task.WhenAny(tick, _unreachable)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (_unreachable is { IsCompleted: true })
            {
                _unreachable = null;
                if (!await AnswersAsync(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }

            switch (_silence.HandleTick(options.TimeProvider.GetElapsedTime(begun), connection.Read(), () => connection.IsOwed))
            {
                case SilenceVerdict.Ask:
                    _ = Question.AskAsync(connection);
                    break;
                case SilenceVerdict.Suspect:
                    return;
                default:
                    break;
            }
        }
    }

    /// <summary>Whether a node answers of which the network says that it is not there.</summary>
    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        var (before, roundTrip, _) = connection.Read();
        _ = Question.AskAsync(connection);
        var hearing = roundTrip * RoundTripsOfHearing;
        await DelayAsync(hearing > s_leastHearing ? hearing : s_leastHearing, cancellationToken).ConfigureAwait(false);
        return connection.Read().Received != before;
    }

    /// <summary>Looks for another node as long as this one is silent.</summary>
    private async Task<OtherNode?> FindOtherAsync(CancellationToken cancellationToken)
    {
        var before = connection.Read().Received;
        using var heard = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var finding = findOther(heard.Token);
        while (!finding.IsCompleted && connection.Read().Received == before && !cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(finding, DelayAsync(_silence.Interval, cancellationToken)).ConfigureAwait(false);
        }

        var isSilent = connection.Read().Received == before && !cancellationToken.IsCancellationRequested;
        if (!isSilent)
        {
            await heard.CancelAsync().ConfigureAwait(false);
        }

        try
        {
            var other = await finding.ConfigureAwait(false);
            if (isSilent)
            {
                return other;
            }

            await drop(other).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BrokerException or OperationCanceledException or ObjectDisposedException)
        {
            // There is none, or this one was heard of before.
        }

        return null;
    }

    private Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, options.TimeProvider, cancellationToken);
}
