using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using Broker.Client.Consuming;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>Messages that came together. Their memory is pooled: dispose the batch when its bodies are no longer needed. Disposing settles nothing.</summary>
[SuppressMessage("Naming", "CA1710", Justification = "A batch is what it is.")]
public sealed class DeliveryBatch : IReadOnlyList<Delivery>, IDisposable
{
    /// <summary>So many messages or bytes end a batch, so that what waits longer is seen in time and buffers stay small.</summary>
    private const int MaxMessages = 1024;
    private const int MaxBytes = 256 << 10;

    /// <summary>Under the size from which .NET puts arrays on the large object heap.</summary>
    private const int BufferBytes = 64 << 10;
    private const int FirstKeptBytes = 4096;

    private readonly ISettlementSink? _sink;
    private readonly bool _pooled;
    private readonly List<Delivery> _deliveries = [];
    private readonly List<byte[]> _buffers = [];
    private int _used;

    internal DeliveryBatch(ISettlementSink? sink, bool pooled)
    {
        _sink = sink;
        _pooled = pooled;
    }

    /// <inheritdoc/>
    public int Count => _deliveries.Count;

    /// <summary>Encoded bytes of all messages.</summary>
    public long SizeBytes { get; private set; }

    /// <inheritdoc/>
    public Delivery this[int index] => _deliveries[index];

    internal bool IsFull => _deliveries.Count >= MaxMessages || SizeBytes >= MaxBytes;

    /// <summary>Acknowledges all messages of the batch at once. None may be settled already.</summary>
    /// <exception cref="BrokerException">The stream that they came on is over. The messages have gone back to their queue; if the call was waiting for a
    /// confirmation, the settlement may or may not have taken effect before.</exception>
    /// <exception cref="InvalidOperationException">They were taken with no-ack, or one is settled already.</exception>
    public ValueTask AckAllAsync() => SettleAllAsync(SettleOutcome.Ack);

    /// <summary>Puts all messages of the batch back. None may be settled already.</summary>
    /// <inheritdoc cref="AckAllAsync" path="/exception"/>
    public ValueTask RequeueAllAsync() => SettleAllAsync(SettleOutcome.Requeue);

    /// <summary>Rejects all messages of the batch. None may be settled already.</summary>
    /// <inheritdoc cref="AckAllAsync" path="/exception"/>
    public ValueTask RejectAllAsync() => SettleAllAsync(SettleOutcome.Reject);

    /// <inheritdoc/>
    public IEnumerator<Delivery> GetEnumerator() => _deliveries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Gives the memory of all bodies back. Idempotent.</summary>
    public void Dispose()
    {
        _deliveries.Clear();
        if (_pooled)
        {
            _buffers.ForEach(static buffer => ArrayPool<byte>.Shared.Return(buffer));
        }

        _buffers.Clear();
    }

    internal void Add(in DeliverFrame frame, int bodySize)
    {
        var message = Keep(frame.Message);
        _deliveries.Add(new Delivery(_sink, frame.Tag, frame.Flags, frame.Flags.HasFlag(DeliverFlags.Offset) ? frame.Offset : frame.DeliveryCount, message, bodySize));
        SizeBytes += message.Length;
    }

    private Memory<byte> Keep(ReadOnlySpan<byte> message)
    {
        if (_buffers.Count == 0 || _buffers[^1].Length - _used < message.Length)
        {
            // An array that the application may keep starts small: a quiet queue brings one message at a time.
            var size = Math.Max(message.Length, _pooled || _buffers.Count > 0 ? BufferBytes : FirstKeptBytes);
            _buffers.Add(_pooled ? ArrayPool<byte>.Shared.Rent(size) : GC.AllocateUninitializedArray<byte>(size));
            _used = 0;
        }

        var kept = _buffers[^1].AsMemory(_used, message.Length);
        message.CopyTo(kept.Span);
        _used += message.Length;
        return kept;
    }

    private ValueTask SettleAllAsync(SettleOutcome outcome)
    {
        if (_sink is null)
        {
            throw new InvalidOperationException("the messages were taken with no-ack: they are settled already");
        }

        return _deliveries.Count > 0
            ? _sink.SettleAsync(_deliveries[0].Tag, _deliveries[^1].Tag, SizeBytes, outcome)
            : ValueTask.CompletedTask;
    }
}
