using System.Collections.Immutable;
using System.Text;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Publishing;

/// <summary>A message that reached no queue although its publisher asked for one, or that was refused.</summary>
/// <param name="Sequence">The publisher's number of the message.</param>
/// <param name="Returned"><c>true</c>: RETURN; <c>false</c>: REJECT.</param>
/// <param name="Fault">Why.</param>
public readonly record struct PublishOutcome(ulong Sequence, bool Returned, FrameFault Fault);

/// <summary>
/// Every decision of a publish stream: order of frames and sequences, routing, batching by queue, how much may be under way, and which sequences are confirmed.
/// </summary>
/// <remarks>
/// Call <see cref="BeginRead"/> with the size of what was read, feed the frames, then take batches and outcomes. Stop reading the stream while
/// <see cref="MayRead"/> is false; QUIC's flow control carries the pressure on to the publisher, and no other stream notices.
/// </remarks>
public sealed class PublishStreamMachine(IRouter router, PublishStreamLimits limits)
{
    private readonly ConfirmTracker _tracker = new();
    private readonly List<PublishBatch> _batches = [];
    private readonly Dictionary<string, PublishBatch> _batchOfQueue = new(StringComparer.Ordinal);
    private readonly List<PublishBatch> _batchesOfRoute = []; // those of the cached route; empty: to be found
    private readonly List<PublishOutcome> _outcomes = [];
    private readonly List<(ulong Sequence, FrameFault Fault)> _rejected = [];
    private byte[] _block = [];
    private int _blockUsed;
    private int _expectedBytes;
    private string? _producer;
    private int _unansweredCount; // batches
    private byte[] _cachedExchange = []; // what the cached route is for
    private byte[] _cachedKey = [];
    private long _cachedVersion = -1;
    private bool _cachedExists;
    private ImmutableArray<string> _cachedQueues = [];

    /// <summary>Whether PUBLISHER_OPEN has come.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>The highest sequence that has come; 0 before the first.</summary>
    public ulong LastSequence { get; private set; }

    /// <summary>Bytes that queues have not accepted yet.</summary>
    public long OutstandingBytes { get; private set; }

    /// <summary>Messages that no queue wanted and nobody asked back.</summary>
    public long UnroutableCount { get; private set; }

    /// <summary>Messages taken in.</summary>
    public long PublishedCount { get; private set; }

    /// <summary>Batches that a full queue has parked.</summary>
    public int ParkedCount { get; private set; }

    /// <summary>
    /// Why a queue could not take a batch for now, if the publisher has a lasting name; <c>null</c> as long as none has said so. From then on no queue gets
    /// anything of this stream: one that took a later message would take the earlier one for a repetition when it comes again, and it would be lost.
    /// </summary>
    public FrameFault? Broken { get; private set; }

    /// <summary>Whether the stream is <see cref="Broken"/> and has the answers of all queues but those that are full: time to end it.</summary>
    public bool IsBrokenOff => Broken is not null && _unansweredCount == ParkedCount;

    /// <summary>Whether more may be read from the stream.</summary>
    public bool MayRead => Broken is null && OutstandingBytes < limits.MaxOutstandingBytes && _tracker.OutstandingCount < limits.MaxOutstandingMessages;

    /// <summary>Whether everything that came has its outcome, and each outcome was taken.</summary>
    public bool IsSettled => OutstandingBytes == 0 && _tracker.OutstandingCount == 0 && !_tracker.HasOutcomes && _outcomes.Count == 0;

    /// <summary>Handles PUBLISHER_OPEN.</summary>
    /// <param name="producer">The publisher's lasting name with its user; <c>null</c> if it has none.</param>
    public FrameFault? HandleOpen(string? producer = null)
    {
        if (IsOpen)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "PUBLISHER_OPEN came twice");
        }

        IsOpen = true;
        _producer = producer;
        return null;
    }

    /// <summary>So many bytes were read: messages from them share a block of at most that size.</summary>
    public void BeginRead(long bytes) => _expectedBytes = (int)Math.Min(bytes, limits.MaxBlockBytes);

    /// <summary>Handles PUBLISH.</summary>
    /// <returns><c>null</c>, or a fault that ends the stream.</returns>
    public FrameFault? HandlePublish(ulong sequence, bool mandatory, bool durable, ReadOnlySpan<byte> message)
    {
        if (CheckSequence(sequence) is { } outOfOrder)
        {
            return outOfOrder;
        }

        if (message.Length > limits.MaxMessageBytes)
        {
            _outcomes.Add(new PublishOutcome(sequence, false, new FrameFault(ErrorCode.MessageTooLarge, $"the message has {message.Length} bytes; the limit is {limits.MaxMessageBytes}")));
            return null;
        }

        if (!MessageView.TryParse(message, out var view, out var fault) || !MessageProperties.TryValidate(view.Properties, out fault))
        {
            return fault;
        }

        PublishedCount++;
        if (_cachedVersion != router.Version || !view.RoutingKey.SequenceEqual(_cachedKey) || !view.Exchange.SequenceEqual(_cachedExchange))
        {
            _batchesOfRoute.Clear();
            _cachedVersion = router.Version;
            _cachedExchange = view.Exchange.ToArray();
            _cachedKey = view.RoutingKey.ToArray();
            _cachedExists = router.TryRoute(Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey), out _cachedQueues);
        }

        if (!_cachedExists)
        {
            _outcomes.Add(new PublishOutcome(sequence, false, Topology.TopologyMachine.NoExchange(Encoding.UTF8.GetString(view.Exchange))));
        }
        else if (_cachedQueues.IsEmpty && mandatory)
        {
            var key = Encoding.UTF8.GetString(view.RoutingKey);
            _outcomes.Add(new PublishOutcome(sequence, true, new FrameFault(ErrorCode.Unroutable, $"no queue is bound for routing key '{key}'")));
        }
        else
        {
            Enqueue(sequence, durable ? MessageTraits.Durable : MessageTraits.None, message);
        }

        return null;
    }

    /// <summary>Handles PUBLISH of a message that cannot be taken, for a reason that its stream has found.</summary>
    /// <returns><c>null</c>, or a fault that ends the stream.</returns>
    public FrameFault? HandleRefused(ulong sequence, FrameFault fault)
    {
        if (CheckSequence(sequence) is { } outOfOrder)
        {
            return outOfOrder;
        }

        _outcomes.Add(new PublishOutcome(sequence, false, fault));
        return null;
    }

    private FrameFault? CheckSequence(ulong sequence)
    {
        if (!IsOpen)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, "PUBLISH came before PUBLISHER_OPEN");
        }

        if (sequence <= LastSequence)
        {
            return new FrameFault(ErrorCode.ProtocolViolation, $"sequence {sequence} follows {LastSequence}; sequences start at 1 or more and ascend");
        }

        LastSequence = sequence;
        return null;
    }

    /// <summary>A queue is full and has parked the batch.</summary>
    public void HandleParked() => ParkedCount++;

    /// <summary>A queue has taken the batch, or says why it has not.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="fault">Why not; <c>null</c> if it has.</param>
    /// <param name="wasParked">Whether it had parked it.</param>
    /// <param name="refused">With a fault: what it has not taken, ascending; the rest was taken. <c>null</c>: nothing was.</param>
    public void HandleAnswered(PublishBatch batch, FrameFault? fault, bool wasParked, IReadOnlyList<BatchRefusal>? refused = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        OutstandingBytes -= batch.SizeBytes;
        _unansweredCount--;
        if (wasParked)
        {
            ParkedCount--;
        }

        if (fault is not { } reason)
        {
            Complete(batch.Slots, fault: null);
            return;
        }

        var done = 0;
        foreach (var part in refused ?? [new BatchRefusal(0, batch.Count, reason)])
        {
            BreakIfAway(part.Fault);
            Complete(batch.Slots[done..part.First], fault: null);
            done = part.First + part.Count;
            Complete(batch.Slots[part.First..done], part.Fault);
        }

        Complete(batch.Slots[done..], fault: null);
    }

    private void BreakIfAway(FrameFault fault)
    {
        if (_producer is not null && fault.Code is (ErrorCode.Unavailable or ErrorCode.NotLeader))
        {
            Broken ??= fault;
        }
    }

    private void Complete(ReadOnlySpan<long> slots, FrameFault? fault)
    {
        foreach (var slot in slots)
        {
            _tracker.Complete(slot, fault);
        }
    }

    /// <summary>
    /// Moves out the batches of this read. Each counts as outstanding until <see cref="HandleAnswered"/>. If the stream is <see cref="Broken"/>, there are none:
    /// their messages are refused.
    /// </summary>
    public void TakeBatches(List<PublishBatch> batches)
    {
        _unansweredCount += _batches.Count;
        if (Broken is { } fault)
        {
            _batches.ForEach(batch => HandleAnswered(batch, fault, wasParked: false));
        }
        else
        {
            batches.AddRange(_batches);
        }

        _batches.Clear();
        _batchOfQueue.Clear();
        _batchesOfRoute.Clear();
    }

    /// <summary>Moves out what can be confirmed now and what was returned or refused.</summary>
    public void TakeOutcomes(List<SequenceRange> confirmed, List<PublishOutcome> others)
    {
        _tracker.TakeConfirmed(confirmed);
        _tracker.TakeRejected(_rejected);
        foreach (var (sequence, fault) in _rejected)
        {
            others.Add(new PublishOutcome(sequence, false, fault));
        }

        _rejected.Clear();
        others.AddRange(_outcomes);
        _outcomes.Clear();
    }

    private void Enqueue(ulong sequence, MessageTraits traits, ReadOnlySpan<byte> message)
    {
        var slot = _tracker.Track(sequence, _cachedQueues.Length);
        if (_cachedQueues.IsEmpty)
        {
            UnroutableCount++;
            return;
        }

        if (_block.Length - _blockUsed < message.Length)
        {
            _block = GC.AllocateUninitializedArray<byte>(Math.Max(message.Length, _expectedBytes));
            _blockUsed = 0;
        }

        message.CopyTo(_block.AsSpan(_blockUsed));
        var stored = new StoredMessage(_block.AsMemory(_blockUsed, message.Length), traits);
        _blockUsed += message.Length;
        if (_batchesOfRoute.Count == 0)
        {
            foreach (var queue in _cachedQueues)
            {
                _batchesOfRoute.Add(BatchFor(queue));
            }
        }

        foreach (var batch in _batchesOfRoute)
        {
            batch.Add(stored, slot, sequence);
            OutstandingBytes += message.Length;
        }
    }

    private PublishBatch BatchFor(string queue)
    {
        if (!_batchOfQueue.TryGetValue(queue, out var batch))
        {
            batch = new PublishBatch(queue, _producer);
            _batchOfQueue.Add(queue, batch);
            _batches.Add(batch);
        }

        return batch;
    }
}
