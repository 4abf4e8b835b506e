using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Publishing;

/// <summary>What queues say.</summary>
public sealed partial class PublishStreamMachine
{
    private HashSet<string>? _refusing; // queues that have refused something of a producer, and nothing is certain there that came later

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
            _refusing?.Remove(batch.Queue);
            Complete(batch.Slots, fault: null);
            return;
        }

        var done = 0;
        foreach (var part in refused ?? [new BatchRefusal(0, batch.Count, reason)])
        {
            BreakIfAway(part.Fault);
            NoteRefusal(batch.Queue, part.Fault);
            Complete(batch.Slots[done..part.First], fault: null);
            done = part.First + part.Count;
            Complete(batch.Slots[part.First..done], part.Fault);
        }

        Complete(batch.Slots[done..], fault: null);
    }

    /// <summary>
    /// The queue's actor is over, all batches are answered, and another one may go on. What the queue has refused of a producer since it took something last it alone knew: the next one would take a
    /// later message first, and then a refused one that comes again for a repetition. So the producer is to begin with what it has no outcome for.
    /// </summary>
    /// <param name="queue">The queue.</param>
    /// <param name="fault">What has become of it.</param>
    public void HandleQueueOver(string queue, FrameFault fault)
    {
        if (_refusing is not null && _refusing.Remove(queue))
        {
            BreakIfAway(fault);
        }
    }

    private void NoteRefusal(string queue, FrameFault fault)
    {
        if (_producer is not null && fault.Code == ErrorCode.ResourceExhausted)
        {
            (_refusing ??= new HashSet<string>(StringComparer.Ordinal)).Add(queue);
        }
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
}
