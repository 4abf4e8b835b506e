using Broker.Client.Streams;
using Broker.Client.Telemetry;
using Broker.Protocol;

namespace Broker.Client.Consuming;

internal sealed partial class Subscription : IFrameHandler
{
    private DeliveryBatch? _batch;
    private CancelledFrame? _cancelled;
    private bool _subscribed;
    private bool _cancelSent;
    private ulong _lastTag;

    FrameVerdict IFrameHandler.OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        switch (type)
        {
            case FrameType.Subscribed when !_subscribed:
                return OnSubscribed(payload, out fault);
            case FrameType.Deliver when _subscribed && _cancelled is null:
                return OnDeliver(payload, out fault);
            case FrameType.Settled when _subscribed && _awaited is not null:
                return OnSettled(payload, out fault);
            case FrameType.Cancelled when _subscribed && _cancelled is null:
                return OnCancelled(payload, out fault);
            default:
                fault = Enum.IsDefined(type)
                    ? new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} is not allowed here")
                    : new FrameFault(ErrorCode.UnknownFrame, $"frame type 0x{(ulong)type:x} is unknown");
                return FrameVerdict.Fault;
        }
    }

    /// <summary>See <see cref="Consumer.ReadBatchAsync(CancellationToken)"/>.</summary>
    public async ValueTask<DeliveryBatch?> ReadBatchAsync(bool pooled, CancellationToken cancellationToken)
    {
        if (!_reader.Wait(0, CancellationToken.None))
        {
            ObjectDisposedException.ThrowIf(_disposing, typeof(Consumer));
            throw new InvalidOperationException("another read is under way");
        }

        var batch = new DeliveryBatch(_options.NoAck ? null : this, pooled);
        try
        {
            if (_awaited is not null)
            {
                await TakeInputAsync(cancellationToken).ConfigureAwait(false);
            }

            while (batch.Count == 0)
            {
                if (_disposing)
                {
                    return null;
                }

                if (_end is { } end)
                {
                    throw end;
                }

                if (_kept?.Take() is { } kept)
                {
                    ClientMetrics.Delivered(Queue, kept.Count);
                    return kept;
                }

                if (_cancelled is { } cancelled)
                {
                    return cancelled.Code == ErrorCode.NoError ? null : throw new ConsumerCancelledException(Queue, cancelled.Code, cancelled.Reason);
                }

                if (!await ReadFramesAsync(batch, cancellationToken).ConfigureAwait(false) && batch.Count == 0 && _cancelled is null && !_disposing)
                {
                    throw await EndAsync(ServerEndedStream()).ConfigureAwait(false);
                }
            }

            if (_options.NoAck)
            {
                GiveCreditFor(batch);
            }

            ClientMetrics.Delivered(Queue, batch.Count);
            return batch;
        }
        finally
        {
            if (batch.Count == 0)
            {
                batch.Dispose();
            }

            if (_awaited is not null)
            {
                LeaveInput();
            }

            _reader.Release();
        }
    }

    /// <summary>Reads once, into the batch.</summary>
    /// <returns><c>false</c> once the server has ended the stream.</returns>
    private async ValueTask<bool> ReadFramesAsync(DeliveryBatch? batch, CancellationToken cancellationToken)
    {
        _batch = batch;
        try
        {
            return await _input!.ReadAsync(this, null, OnReaderWaits, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw await EndAsync(e).ConfigureAwait(false);
        }
        finally
        {
            _readerWaits = false;
            _batch = null;
        }
    }

    private BrokerStreamException ServerEndedStream() => new(_what, ErrorCode.NoError, "the server ended the stream");

    private FrameVerdict OnSubscribed(ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!SubscribedFrame.TryRead(payload, out var subscribed, out fault))
        {
            return FrameVerdict.Fault;
        }

        _subscribed = true;
        ConsumerTag = subscribed.ConsumerTag;
        return FrameVerdict.Pause;
    }

    private FrameVerdict OnDeliver(ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!DeliverFrame.TryRead(payload, out var deliver, out fault) || !MessageView.TryParse(deliver.Message, out var view, out fault))
        {
            return FrameVerdict.Fault;
        }

        if (deliver.Tag != _lastTag + 1)
        {
            fault = new FrameFault(ErrorCode.ProtocolViolation, $"delivery tag {deliver.Tag} follows {_lastTag}");
            return FrameVerdict.Fault;
        }

        _lastTag = deliver.Tag;
        if (_batch is null)
        {
            return Keep(deliver, view.Body.Length, out fault);
        }

        _batch.Add(deliver, view.Body.Length);
        return _batch.IsFull ? FrameVerdict.Pause : FrameVerdict.Continue;
    }

    private FrameVerdict OnCancelled(ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!CancelledFrame.TryRead(payload, out var cancelled, out fault))
        {
            return FrameVerdict.Fault;
        }

        _cancelled = cancelled;
        return FrameVerdict.Continue;
    }
}
