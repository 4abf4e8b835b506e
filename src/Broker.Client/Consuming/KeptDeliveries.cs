using System.Diagnostics.CodeAnalysis;
using Broker.Protocol;

namespace Broker.Client.Consuming;

/// <summary>
/// Deliveries that came while a consumer's stream was read for SETTLED only, for the next read. None of them is settled, so there are never more than the
/// consumer has given credit for.
/// </summary>
/// <param name="sink">Where their settlements go.</param>
/// <param name="maxMessages">The consumer's credit in messages.</param>
/// <param name="maxBytes">The consumer's credit in bytes; the message that crosses it still comes.</param>
[SuppressMessage("Reliability", "CA1001", Justification = "A batch that is not pooled holds nothing to give back.")]
internal sealed class KeptDeliveries(ISettlementSink sink, int maxMessages, long maxBytes)
{
    private readonly Queue<DeliveryBatch> _batches = new();
    private DeliveryBatch? _filling;
    private int _messages;
    private long _bytes;

    /// <summary>Keeps a delivery.</summary>
    /// <returns><c>false</c> if the server had no credit for it.</returns>
    public bool TryAdd(in DeliverFrame frame, int bodySize)
    {
        if (_messages >= maxMessages || _bytes >= maxBytes)
        {
            return false;
        }

        if (_filling is null || _filling.IsFull)
        {
            // Not pooled: who reads next may be one that lets bodies be kept.
            _filling = new DeliveryBatch(sink, pooled: false);
            _batches.Enqueue(_filling);
        }

        var before = _filling.SizeBytes;
        _filling.Add(frame, bodySize);
        _messages++;
        _bytes += _filling.SizeBytes - before;
        return true;
    }

    /// <summary>Takes the oldest, as many as one read may bring; <c>null</c> if there are none.</summary>
    public DeliveryBatch? Take()
    {
        if (!_batches.TryDequeue(out var batch))
        {
            return null;
        }

        _filling = batch == _filling ? null : _filling;
        _messages -= batch.Count;
        _bytes -= batch.SizeBytes;
        return batch;
    }
}
