namespace Broker.Client.Leaders;

/// <summary>Whether everybody is where the leader is. Nodes tell nobody of it as long as they can serve a queue from elsewhere.</summary>
internal sealed partial class LeaderConnections
{
    /// <summary>The pause before the first look after somebody could not be at a leader; it doubles up to <see cref="s_longestPause"/>.</summary>
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    private TimeSpan _pause = s_longestPause;
    private CancellationTokenSource? _sleep; // not null while looks are taken

    /// <summary>Under the gate: somebody has a place, the best one or not.</summary>
    private void CheckSoon(bool isBest)
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        if (_sleep is null)
        {
            _pause = isBest ? s_longestPause : s_shortestPause;
            _sleep = new CancellationTokenSource();
            _ = CheckAsync();
        }
        else if (!isBest && _pause > s_shortestPause)
        {
            _pause = s_shortestPause;
            _sleep.Cancel();
        }
    }

    private async Task CheckAsync()
    {
        await Task.Yield();
        while (true)
        {
            CancellationToken woken;
            TimeSpan pause;
            lock (_gate)
            {
                if (_places.Count == 0 || _stop.IsCancellationRequested)
                {
                    _sleep = null;
                    return;
                }

                _sleep = _sleep is { IsCancellationRequested: false } ? _sleep : new CancellationTokenSource();
                (woken, pause) = (_sleep.Token, _pause);
            }

            if (!await DelayAsync(pause, woken).ConfigureAwait(false))
            {
                continue;
            }

            var allAreKnown = await CheckQueuesAsync().ConfigureAwait(false);
            lock (_gate)
            {
                _pause = allAreKnown ? s_longestPause : _pause * 2 < s_longestPause ? _pause * 2 : s_longestPause;
            }
        }
    }

    /// <summary>Has everybody move who is not at the leader.</summary>
    /// <returns>Whether everybody can be at the best place.</returns>
    private async Task<bool> CheckQueuesAsync()
    {
        string[] queues;
        lock (_gate)
        {
            queues = [.. _places.Where(static place => !place.StaysUntilLost).Select(static place => place.Queue).Distinct(StringComparer.Ordinal)];
        }

        var allAreKnown = true;
        foreach (var queue in queues)
        {
            try
            {
                var (isKnown, node) = await FindAsync(queue, _stop.Token).ConfigureAwait(false);
                allAreKnown &= isKnown;
                LeaderPlace[] misplaced;
                lock (_gate)
                {
                    misplaced = isKnown ? [.. _places.Where(place => place.Queue == queue && !place.StaysUntilLost && place.Node != node)] : [];
                }

                foreach (var place in misplaced)
                {
                    place.Move();
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return true; // the client is disposed of
            }
        }

        return allAreKnown;
    }
}
