using System.Buffers;
using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client.Consuming;

internal sealed partial class Subscription : ISettlementSink
{
    private readonly FrameSender _sender;
    private readonly SettlementBuffer _settlements = new();
    private readonly ITimer _settleTimer;
    private volatile bool _readerWaits;
    private bool _timerRuns;
    private bool _left;
    private ulong _settledTags;

    /// <summary>Sends what is settled now, without waiting for <see cref="ConsumerOptions.SettleDelay"/>.</summary>
    public void FlushSettlements()
    {
        lock (_gate)
        {
            if (!_settlements.IsEmpty)
            {
                _sender.Signal();
            }
        }
    }

    ValueTask ISettlementSink.SettleAsync(ulong first, ulong last, long bytes, SettleOutcome outcome, string reason)
    {
        var tags = new SequenceRange(first, last);
        if (_awaited is not null)
        {
            var settled = SettleAndWaitAsync(tags, bytes, outcome, reason);
            ClientMetrics.Settle(Queue, outcome, tags.Count);
            return new ValueTask(settled);
        }

        bool over;
        lock (_gate)
        {
            if (IsLost)
            {
                return ValueTask.CompletedTask;
            }

            ThrowIfOver();
            _settlements.Add(tags, outcome, reason);
            _settlements.AddCredit((long)tags.Count, bytes);
            over = IsOverAfter(tags);
            SendSoon();
        }

        ClientMetrics.Settle(Queue, outcome, tags.Count);
        if (over)
        {
            _ = DisposeAsync().AsTask();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Under the gate: the stream is over for a reason after which the consumer goes on, so its queue delivers again what was not settled, and nothing is asked of
    /// whoever settles now.
    /// </summary>
    private bool IsLost => _recovers && ((_end is { } end && Recovery.IsWorthwhile(end)) || (_left && (_end is not null || _disposing)));

    /// <summary>Under the gate: tags are settled.</summary>
    /// <returns>Whether nothing is left to be settled on a stream that was left.</returns>
    private bool IsOverAfter(SequenceRange tags)
    {
        _settledTags += tags.Count;
        return _left && _settledTags == _lastTag;
    }

    /// <summary>Under the gate: throws if nothing can be settled any more.</summary>
    private void ThrowIfOver()
    {
        if (_end is { } end)
        {
            throw end;
        }

        ObjectDisposedException.ThrowIf(_disposing, typeof(Consumer));
    }

    private void GiveCreditFor(DeliveryBatch batch)
    {
        lock (_gate)
        {
            _settlements.AddCredit(batch.Count, batch.SizeBytes);
            SendSoon();
        }
    }

    /// <summary>Under the gate: sends now if there is much, or if nobody would do it in time.</summary>
    private void SendSoon()
    {
        if (_readerWaits || _options.SettleDelay == TimeSpan.Zero || _settlements.IsLarge(_options.PrefetchMessages, _options.PrefetchBytes))
        {
            _sender.Signal();
        }
        else if (!_timerRuns && _options.SettleDelay != Timeout.InfiniteTimeSpan)
        {
            _timerRuns = true;
            _settleTimer.Change(_options.SettleDelay, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnReaderWaits()
    {
        lock (_gate)
        {
            _readerWaits = true;
            if (!_settlements.IsEmpty)
            {
                _sender.Signal();
            }
        }
    }

    private void OnSettleDelay()
    {
        lock (_gate)
        {
            _timerRuns = false;
            if (!_settlements.IsEmpty)
            {
                _sender.Signal();
            }
        }
    }

    /// <summary>Under the gate, when the sender is about to send.</summary>
    private void WriteSettlements(IBufferWriter<byte> writer)
    {
        if (!_settlements.IsEmpty)
        {
            _settlements.WriteTo(writer, withCredit: !_cancelSent);
        }
    }
}
