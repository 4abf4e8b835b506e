using Broker.Machines.Publishing;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Publishing;

public class ConfirmTrackerTests
{
    private static readonly FrameFault Fault = new(ErrorCode.QueueDeleted, "the queue was deleted");
    private readonly ConfirmTracker _tracker = new();

    [Fact]
    public void Message_for_no_queue_is_confirmed_as_it_stands()
    {
        _tracker.Track(5, targets: 0);
        Assert.True(_tracker.HasOutcomes);
        Assert.Equal(0, _tracker.OutstandingCount);
        Assert.Equal([new SequenceRange(5, 5)], Confirmed());
        Assert.False(_tracker.HasOutcomes);
    }

    [Fact]
    public void Fan_out_is_confirmed_by_the_last_queue()
    {
        var slot = _tracker.Track(1, targets: 3);
        _tracker.Complete(slot, fault: null);
        _tracker.Complete(slot, fault: null);
        Assert.False(_tracker.HasOutcomes);
        Assert.Equal(1, _tracker.OutstandingCount);
        _tracker.Complete(slot, fault: null);
        Assert.Equal([new SequenceRange(1, 1)], Confirmed());
        Assert.Equal(0, _tracker.OutstandingCount);
    }

    [Fact]
    public void One_queue_that_could_not_take_it_makes_a_rejection_once_all_have_answered()
    {
        var slot = _tracker.Track(1, targets: 2);
        _tracker.Complete(slot, fault: Fault);
        Assert.Empty(Rejected());
        _tracker.Complete(slot, fault: null);
        Assert.Empty(Confirmed());
        Assert.Equal([1UL], Rejected());
        Assert.Empty(Rejected());
    }

    [Fact]
    public void The_first_queue_that_could_not_take_it_says_why()
    {
        var second = new FrameFault(ErrorCode.Unavailable, "the disk is gone");
        var (one, other) = (_tracker.Track(1, targets: 3), _tracker.Track(2, targets: 1));
        _tracker.Complete(one, fault: null);
        _tracker.Complete(one, Fault);
        _tracker.Complete(other, second);
        _tracker.Complete(one, second);

        var rejected = new List<(ulong Sequence, FrameFault Fault)>();
        _tracker.TakeRejected(rejected);
        Assert.Equal([(2UL, second), (1UL, Fault)], rejected);
    }

    [Fact]
    public void Confirms_do_not_wait_for_the_oldest_message()
    {
        var first = _tracker.Track(1, 1);
        var second = _tracker.Track(2, 1);
        var third = _tracker.Track(3, 1);
        _tracker.Complete(third, null);
        _tracker.Complete(second, null);
        Assert.Equal([new SequenceRange(2, 3)], Confirmed());
        Assert.Equal(3, _tracker.OutstandingCount);
        _tracker.Complete(first, null);
        Assert.Equal([new SequenceRange(1, 1)], Confirmed());
        Assert.Equal(0, _tracker.OutstandingCount);
    }

    [Fact]
    public void Gaps_in_the_sequence_split_ranges()
    {
        foreach (var sequence in (ulong[])[1, 2, 4, 1000, 1001, 1002])
        {
            _tracker.Complete(_tracker.Track(sequence, 1), null);
        }

        Assert.Equal([new SequenceRange(1, 2), new SequenceRange(4, 4), new SequenceRange(1000, 1002)], Confirmed());
    }

    [Fact]
    public void Queue_that_answers_twice_is_a_programmers_mistake()
    {
        var first = _tracker.Track(1, 1);
        var second = _tracker.Track(2, 1);
        _tracker.Complete(second, null);
        Assert.Throws<InvariantViolationException>(() => _tracker.Complete(second, null));
        _tracker.Complete(first, null);
        Assert.Throws<InvariantViolationException>(() => _tracker.Complete(first, null));
        Assert.Throws<InvariantViolationException>(() => _tracker.Complete(second + 1, null));
    }

    /// <summary>Steps: 0..3 track that many targets after a gap of Pick % 3, 4..8 one queue of some outstanding message answers, 9 takes the outcomes.</summary>
    [Fact]
    public void Each_message_has_the_one_outcome_that_its_queues_gave_it() => RandomHistories.Check(
        2_000,
        400,
        random => (Act: random.Next(10), Pick: random.Next(1 << 16)),
        steps =>
        {
            var tracker = new ConfirmTracker();
            var open = new List<Tracked>();
            var (expectedConfirmed, expectedRejected) = (new List<ulong>(), new List<ulong>());
            var sequence = 0UL;
            foreach (var (act, pick) in steps)
            {
                if (act < 4)
                {
                    sequence += 1 + (ulong)(pick % 3);
                    var slot = tracker.Track(sequence, act);
                    if (act == 0)
                    {
                        expectedConfirmed.Add(sequence);
                    }
                    else
                    {
                        open.Add(new Tracked(sequence, slot, act));
                    }
                }
                else if (act < 9 && open.Count > 0)
                {
                    var message = open[pick % open.Count];
                    var accepted = pick % 5 != 0;
                    tracker.Complete(message.Slot, accepted ? null : Fault);
                    message.Failed |= !accepted;
                    if (--message.Remaining == 0)
                    {
                        open.Remove(message);
                        (message.Failed ? expectedRejected : expectedConfirmed).Add(message.Sequence);
                    }
                }
                else if (act == 9)
                {
                    CompareOutcomes(tracker, expectedConfirmed, expectedRejected);
                }

                Assert.Equal(expectedConfirmed.Count + expectedRejected.Count > 0, tracker.HasOutcomes);
                Assert.InRange(tracker.OutstandingCount, open.Count, open.Count == 0 ? 0 : int.MaxValue);
            }

            CompareOutcomes(tracker, expectedConfirmed, expectedRejected);
        });

    private sealed class Tracked(ulong sequence, long slot, int remaining)
    {
        public ulong Sequence { get; } = sequence;

        public long Slot { get; } = slot;

        public int Remaining { get; set; } = remaining;

        public bool Failed { get; set; }
    }

    private static void CompareOutcomes(ConfirmTracker tracker, List<ulong> expectedConfirmed, List<ulong> expectedRejected)
    {
        var ranges = new List<SequenceRange>();
        tracker.TakeConfirmed(ranges);
        for (var i = 0; i < ranges.Count; i++)
        {
            Assert.True(ranges[i].First <= ranges[i].Last, "a range ascends");
            Assert.True(i == 0 || ranges[i].First > ranges[i - 1].Last + 1, "ranges ascend, and neighbours are joined");
        }

        Assert.Equal(expectedConfirmed.Order(), ranges.SelectMany(r => Enumerable.Range(0, (int)r.Count).Select(i => r.First + (ulong)i)));
        var rejected = new List<(ulong Sequence, FrameFault Fault)>();
        tracker.TakeRejected(rejected);
        Assert.Equal(expectedRejected.Select(s => (s, Fault)), rejected);
        expectedConfirmed.Clear();
        expectedRejected.Clear();
    }

    private List<SequenceRange> Confirmed()
    {
        var ranges = new List<SequenceRange>();
        _tracker.TakeConfirmed(ranges);
        return ranges;
    }

    private List<ulong> Rejected()
    {
        var rejected = new List<(ulong Sequence, FrameFault Fault)>();
        _tracker.TakeRejected(rejected);
        Assert.All(rejected, r => Assert.Equal(Fault, r.Fault));
        return [.. rejected.Select(r => r.Sequence)];
    }
}
