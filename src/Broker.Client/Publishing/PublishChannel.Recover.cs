using Broker.Client.Connections;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client.Publishing;

/// <summary>One stream after the other.</summary>
internal sealed partial class PublishChannel
{
    private async Task RunAsync()
    {
        var pacer = new RecoveryPacer(_clientOptions);
        BrokerException reason;
        bool over;
        do
        {
            reason = await RunStreamAsync().ConfigureAwait(false);
            lock (_gate)
            {
                _stream = null;
                _writes = false;
                over = !MayGoOn(reason);
                if (over)
                {
                    OnEnded(reason);
                }
                else if (_hasProgressed)
                {
                    pacer.Reset();
                    _hasProgressed = false;
                }
            }
        }
        while (!over && await WaitAsync(pacer).ConfigureAwait(false));

        PublishOutcomes outcomes;
        lock (_gate)
        {
            if (!over)
            {
                OnEnded(reason);
            }

            (outcomes, _outcomes) = (_outcomes, default);
            _scratch.Release();
        }

        outcomes.Report();
        ClientMetrics.Remove(this);
        _closed.TrySetResult();
    }

    /// <summary>Waits for a connection, opens a stream on it and waits for its end.</summary>
    private async Task<BrokerException> RunStreamAsync()
    {
        Place place;
        try
        {
            place = _only is null ? await _source.GetPlaceAsync(_abandon.Token).ConfigureAwait(false) : new Place(_only, _only.GoingAway);
        }
        catch (BrokerException e)
        {
            return e;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return new BrokerConnectionException("publisher: the client was disposed", ErrorCode.NoError, "", retryable: false, innerException: e);
        }

        var stream = new PublishStream(place.Connection, _producerId, _gate, this);
        lock (_gate)
        {
            Begin(stream, place.Connection);
        }

        stream.Start();
        if (_recovers)
        {
            await Task.WhenAny(stream.Closed, place.Left).ConfigureAwait(false);
            if (!stream.Closed.IsCompleted)
            {
                LeaveStream(stream); // what was sent is answered, the rest follows on another connection
            }
        }

        await stream.Closed.ConfigureAwait(false);
        place.Release();
        return stream.End!;
    }

    /// <summary>Under the gate: everything without an outcome goes out on the new stream before anything else.</summary>
    private void Begin(PublishStream stream, BrokerConnection connection)
    {
        _stream = stream;
        _maxMessageBytes = connection.Welcome.MaxMessageBytes;
        _writes = true;
        _window.WriteAgain(stream.Buffer);
        if (_ending)
        {
            stream.Complete();
        }
        else if (HasRoom)
        {
            GiveTurn();
        }
    }

    /// <summary>Sends nothing more on the stream, and waits for the outcomes of what was sent.</summary>
    private void LeaveStream(PublishStream stream)
    {
        lock (_gate)
        {
            if (_stream == stream && _writes)
            {
                _writes = false;
                stream.Complete();
            }
        }
    }

    /// <summary>Under the gate: whether another stream follows. One that ended in order had been left, or was ended by a server that says no more.</summary>
    private bool MayGoOn(BrokerException reason) => _recovers
        && !_abandon.IsCancellationRequested
        && !_keeper.IsOver
        && !(_ending && _window.IsEmpty)
        && (Recovery.IsWorthwhile(reason) || reason is BrokerStreamException { ErrorCode: ErrorCode.NoError });

    /// <summary>Waits before the next stream, unless it needs another connection, for which the keeper waits.</summary>
    private async ValueTask<bool> WaitAsync(RecoveryPacer pacer)
    {
        if (_keeper.Latest is not { Closed.IsCompleted: false, IsGoingAway: false })
        {
            return true;
        }

        try
        {
            return await pacer.WaitAsync(_abandon.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Under the gate: nothing will have an outcome any more.</summary>
    private void OnEnded(BrokerException reason)
    {
        End = reason;
        Fail(_ready, reason);
        foreach (var waiter in _window.TakeWaiters())
        {
            Fail(waiter, reason);
        }

        for (var sequence = _window.Oldest; sequence < _window.Next; sequence++)
        {
            _outcomes.AddUnknown(reason, _window.TakeObservation(sequence));
        }

        foreach (var (_, waiter) in _flushes)
        {
            Fail(waiter, reason);
        }

        _flushes.Clear();
        foreach (var turn in _turns)
        {
            turn.TrySetResult();
        }
    }
}
