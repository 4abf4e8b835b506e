using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client.Publishing;

/// <summary>What the server answers.</summary>
internal sealed partial class PublishChannel
{
    private PublishOutcomes _outcomes; // not reported yet to those who watch

    bool IPublishStreamOwner.HasPending => !_window.IsEmpty;

    bool IPublishStreamOwner.OnReady(PublisherReadyFrame ready, out FrameFault fault)
    {
        if (!_isNumbered)
        {
            _window = NewWindow(ProducerName.FirstSequence(ready.LastSequence, _options, _clientOptions.TimeProvider));
            _isNumbered = true;
        }

        // Later streams go on with the publisher's own numbers: the node that was asked may know of more than was confirmed, or of less.
        _ready.TrySetResult();
        fault = default;
        return true;
    }

    bool IPublishStreamOwner.OnConfirm(List<SequenceRange> ranges, out FrameFault fault)
    {
        foreach (var range in ranges)
        {
            for (var sequence = range.First; sequence <= range.Last; sequence++)
            {
                if (!_window.TryTake(sequence, out var waiter))
                {
                    return NotPending(sequence, out fault);
                }

                _outcomes.AddConfirmed(_window.TakeObservation(sequence));
                waiter?.TrySetResult();
            }
        }

        _hasProgressed = true;
        fault = default;
        return true;
    }

    bool IPublishStreamOwner.OnFailure(in PublishFailure failure, out FrameFault fault)
    {
        if (!_window.IsPending(failure.Sequence, out var deferredAt))
        {
            return NotPending(failure.Sequence, out fault);
        }

        fault = default;
        if (MayDefer(failure, deferredAt))
        {
            _window.Defer(failure.Sequence, _clientOptions.TimeProvider.GetTimestamp());
            LeaveStream(_stream!);
            return true;
        }

        _window.TryTake(failure.Sequence, out var waiter);
        _hasProgressed = true;
        _outcomes.AddFailure(failure, _window.TakeObservation(failure.Sequence));
        if (waiter is not null)
        {
            Fail(waiter, PublishException.From(failure));
            return true;
        }

        if (_failures++ == 0)
        {
            _firstFailure = failure;
        }

        if (_options.OnFailure is not null)
        {
            _reported.Add(failure);
        }

        return true;
    }

    void IPublishStreamOwner.OnFramesHandled()
    {
        PublishFailure[] failures = [];
        PublishOutcomes outcomes;
        lock (_gate)
        {
            (outcomes, _outcomes) = (_outcomes, default);
            if (_reported.Count > 0)
            {
                failures = [.. _reported];
                _reported.Clear();
            }

            CompleteFlushes();
            if (_isNumbered && _window.HasAmpleRoom)
            {
                GiveTurn();
            }
        }

        outcomes.Report();
        foreach (var failure in failures)
        {
            _options.OnFailure?.Invoke(failure);
        }
    }

    void IPublishStreamOwner.OnBufferTaken()
    {
        if (HasRoom)
        {
            GiveTurn();
        }
    }

    /// <summary>
    /// Whether a message that a queue could not take is sent again. Only on another stream: a later message that the queue took after all would make it take this
    /// one for a repetition.
    /// </summary>
    private bool MayDefer(in PublishFailure failure, long deferredAt) => _recovers
        && !failure.IsReturned
        && Connections.Recovery.IsUnavailable(failure.ErrorCode)
        && (deferredAt == 0 || _clientOptions.TimeProvider.GetElapsedTime(deferredAt) < _clientOptions.RecoveryPatience);

    private void CompleteFlushes()
    {
        for (var i = _flushes.Count - 1; i >= 0; i--)
        {
            if (_flushes[i].Sequence < _window.Oldest)
            {
                _flushes[i].Waiter.TrySetResult();
                _flushes.RemoveAt(i);
            }
        }
    }

    private static bool NotPending(ulong sequence, out FrameFault fault)
    {
        fault = new FrameFault(ErrorCode.ProtocolViolation, $"an outcome for sequence {sequence}, which waits for none");
        return false;
    }
}
