using Broker.Machines.Ledgers;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Ledgers;

/// <summary>A ledger is made again of its records, and of what is left of them.</summary>
public class LedgerReplayTests
{
    [Fact]
    public void All_records_make_the_same_ledger()
    {
        var log = new LedgerLog();
        log.Append(5, delivered: [new PositionRange(1, 3)], settled: null, new ProducerMark("shop", 7));
        log.Append(0, settled: [new PositionRange(2, 2)]);
        log.Append(3);
        var (replay, ledger) = LedgerLog.Replay(log.Entries);
        Assert.Equal(LedgerText.WithLog(log.Ledger), LedgerText.WithLog(ledger));
        Assert.Equal((false, false, 0L), (replay.IsDeleted, replay.HasLostBase, replay.NeededFrom));
        Assert.Equal([0L, 128L], ledger.Index.Runs.ToArray().Select(r => r.LogPosition));
    }

    [Fact]
    public void A_log_may_begin_with_records_that_a_later_checkpoint_contains()
    {
        var log = new LedgerLog();
        log.Append(5);
        log.Append(0, settled: [new PositionRange(1, 5)]);
        log.Append(2, delivered: [new PositionRange(6, 6)]);
        log.Checkpoint();
        log.Append(1, settled: [new PositionRange(7, 7)]);
        for (var from = 0; from <= 2; from++)
        {
            var (replay, ledger) = LedgerLog.Replay(log.Entries.Skip(from));
            Assert.Equal(LedgerText.WithLog(log.Ledger), LedgerText.WithLog(ledger));
            Assert.Equal(2 * LedgerLog.EntryBytes, replay.NeededFrom); // the record that brought 6 in
        }
    }

    [Fact]
    public void The_log_is_needed_from_its_checkpoint_once_all_messages_lie_in_segments()
    {
        var log = new LedgerLog();
        log.Append(5);
        log.BeginMove(1);
        log.CompleteCopy();
        log.Checkpoint();
        log.Append(1);
        var (replay, ledger) = LedgerLog.Replay(log.Entries.Skip(1));
        Assert.Equal(LedgerText.WithLog(log.Ledger), LedgerText.WithLog(ledger));
        Assert.Equal(LedgerLog.EntryBytes, replay.NeededFrom);
        Assert.Empty(ledger.Unplaced());
    }

    /// <summary>In a replicated shard a checkpoint is of what was committed when it was made, and may come behind records that it does not contain.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_checkpoint_that_comes_late_tells_where_messages_lie_and_takes_nothing_back(ulong from)
    {
        QueueRecord[] records =
        [
            new() { FirstPosition = 1, MessageBytes = 20 },
            new() { FirstPosition = 3, Settled = [new PositionRange(1, 1)], SettledBytes = 10 },
            new() { FirstPosition = 3, MessageBytes = 10, Delivered = [new PositionRange(2, 2)] },
        ];
        int[] counts = [2, 0, 1];
        var early = new QueueLedger();
        early.Apply(records[0], 2);
        early.Moved(1, [new SegmentEntry(4, 90, 1, 2, 2, 2, 20)], (4, 90));
        var all = new QueueLedger();
        var replay = new LedgerReplay();
        for (ulong index = 1; index <= 3; index++)
        {
            var (record, count) = (records[index - 1], counts[index - 1]);
            all.Apply(record, count);
            if (index >= from)
            {
                replay.OnOperations(index, record, count, (long)index * 100, 80);
            }
        }

        replay.OnCheckpoint(1, early.Checkpoint().Span, 400);
        var ledger = replay.Complete(() => throw new InvalidOperationException("the queue's beginning is there"));
        Assert.Equal(LedgerText.ContentOf(all), LedgerText.ContentOf(ledger));
        Assert.Equal([new SegmentEntry(4, 90, 1, 2, 2, Live: 1, 20)], ledger.Index.Segments);
        Assert.Equal((4U, (4U, 90L)), (ledger.LastSegment, ledger.OpenSegment));
        Assert.Equal([new LogRun(3, 3, 3, 300, 80)], ledger.Index.Runs.ToArray());
        Assert.Equal((long)from * 100, replay.NeededFrom);
    }

    /// <summary>The record with messages 3 and 4, which were handed out, is gone, and with it that 1 was acknowledged.</summary>
    [Fact]
    public void Records_that_are_missing_cost_their_messages_and_certainty_about_deliveries()
    {
        var log = new LedgerLog();
        log.Append(2);
        log.Append(2, settled: [new PositionRange(1, 1)]);
        log.Append(2, delivered: [new PositionRange(3, 5)], settled: [new PositionRange(4, 4)]);
        var (_, ledger) = LedgerLog.Replay([log.Entries[0], log.Entries[2]]);
        Assert.Equal([new LiveRange(1, 2, 1), new LiveRange(5, 6, 1)], ledger.Live.Ranges());
        Assert.Equal((3UL, 7UL), (ledger.LastIndex, ledger.NextPosition));
        Assert.Equal(30L, ledger.LiveBytes); // ten were settled whose joining is not known
        Assert.Empty(ledger.Unplaced());
        LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
    }

    [Fact]
    public void Numbers_of_records_that_are_missing_at_the_end_are_not_given_out_again()
    {
        var log = new LedgerLog();
        log.Append(2);
        log.Append(3);
        log.Append(0, delivered: [new PositionRange(1, 1)]);
        var (_, ledger) = LedgerLog.Replay(log.Entries.Take(1), end: (3, 6));
        Assert.Equal([new LiveRange(1, 2, 1)], ledger.Live.Ranges());
        Assert.Equal((3UL, 6UL), (ledger.LastIndex, ledger.NextPosition));
    }

    [Fact]
    public void A_checkpoint_after_missing_records_knows_what_they_said()
    {
        var log = new LedgerLog();
        log.Append(3);
        log.Append(1, delivered: [new PositionRange(1, 1)]);
        log.Append(1);
        log.Checkpoint();
        var (_, ledger) = LedgerLog.Replay([log.Entries[0], log.Entries[2], log.Entries[3]]);
        Assert.Equal(LedgerText.Of(log.Ledger), LedgerText.Of(ledger));
        Assert.Equal([new PositionRange(4, 4)], ledger.Unplaced());
    }

    [Fact]
    public void A_queue_whose_beginning_was_lost_is_made_of_its_segments_and_the_records_that_are_left()
    {
        var log = new LedgerLog();
        log.Append(8, delivered: [new PositionRange(1, 1)]);
        log.Append(0, settled: [new PositionRange(2, 2)]);
        log.BeginMove(1);
        log.CompleteCopy();
        log.Checkpoint();
        log.Append(0, settled: [new PositionRange(3, 4)]);
        log.Append(2);
        var (replay, ledger) = LedgerLog.Replay(log.Entries.Skip(3), log.Rebuild);
        Assert.Equal([new LiveRange(1, 1, 1), new LiveRange(5, 10, 1)], ledger.Live.Ranges());
        Assert.Equal((log.Ledger.LastIndex, log.Ledger.NextPosition), (ledger.LastIndex, ledger.NextPosition));
        Assert.Equal(3 * LedgerLog.EntryBytes, replay.NeededFrom);
        Assert.Empty(ledger.Unplaced());
        Assert.Equal([4UL, 1UL], ledger.Index.Segments.Select(s => s.Live));
    }

    /// <summary>The record's last messages had left before it was copied, so no segment tells how far it went.</summary>
    [Fact]
    public void Positions_of_a_record_that_was_copied_are_not_given_twice()
    {
        var log = new LedgerLog();
        log.Append(1);
        log.Append(5);
        log.Append(0, settled: [new PositionRange(5, 6)]);
        log.BeginMove(2);
        log.CompleteCopy();
        log.Checkpoint();
        var (_, ledger) = LedgerLog.Replay(log.Entries.Skip(1).Take(2), log.Rebuild);
        Assert.Equal([new LiveRange(1, 4, 1)], ledger.Live.Ranges());
        Assert.Equal(7UL, ledger.NextPosition);
    }

    /// <summary>The first record after that would otherwise look like the queue's first one, and its messages like all there are.</summary>
    [Fact]
    public void A_queue_of_which_only_segments_are_left_survives_the_next_start_as_well()
    {
        var log = new LedgerLog();
        log.Append(3);
        log.BeginMove(1);
        log.CompleteCopy();
        var (_, ledger) = LedgerLog.Replay([], log.Rebuild);
        Assert.Equal([new LiveRange(1, 3, 1)], ledger.Live.Ranges());

        var record = new QueueRecord { FirstPosition = ledger.NextPosition, MessageBytes = 10 };
        ledger.Apply(record, messageCount: 1);
        var replay = new LedgerReplay();
        replay.OnOperations(ledger.LastIndex, record, 1, 0, LedgerLog.EntryBytes);
        Assert.True(replay.HasLostBase);
        Assert.Equal([new LiveRange(1, 4, 1)], replay.Complete(log.Rebuild).Live.Ranges());
    }

    [Fact]
    public void A_queue_that_was_deleted_has_no_ledger()
    {
        var log = new LedgerLog();
        log.Append(3);
        log.Delete();
        foreach (var from in (int[])[0, 1])
        {
            var replay = LedgerLog.Replay(log.Entries.Skip(from)).Replay;
            Assert.True(replay.IsDeleted);
            Assert.False(replay.HasLostBase);
            Assert.Throws<InvariantViolationException>(() => replay.Complete(() => new QueueLedger()));
        }
    }

    [Fact]
    public void Nothing_but_its_deletion_is_left_of_a_queue()
    {
        var replay = new LedgerReplay();
        replay.OnLost(lastIndex: 7, nextPosition: 5);
        replay.OnDeleted();
        Assert.True(replay.IsDeleted);
    }

    /// <summary>The log ends anywhere, as after a crash, and begins anywhere up to where it is needed, as after files of it were retired.</summary>
    [Fact]
    public void A_log_from_where_it_is_needed_makes_the_same_ledger() => RandomHistories.Check(1_500, 60, LedgerSteps.Generate, steps =>
    {
        var run = new LedgerSteps();
        foreach (var step in steps.Where(s => s.Kind != LedgerSteps.Kind.Damage))
        {
            run.Perform(step);
        }

        var entries = run.Log.Entries;
        if (entries.Count == 0)
        {
            return;
        }

        foreach (var end in new SortedSet<int> { entries.Count, (entries.Count + 1) / 2, 1 + (steps[0].X % entries.Count) })
        {
            var (whole, ledger) = LedgerLog.Replay(entries.Take(end));
            Assert.Equal(entries[end - 1].Expected, LedgerText.WithLog(ledger));
            Assert.Empty(ledger.Unplaced());
            for (var from = 1; from * LedgerLog.EntryBytes <= whole.NeededFrom && from < end; from++)
            {
                var (part, same) = LedgerLog.Replay(entries.Take(end).Skip(from));
                Assert.Equal(entries[end - 1].Expected, LedgerText.WithLog(same));
                Assert.Equal(whole.NeededFrom, part.NeededFrom);
            }
        }
    });

    /// <summary>Of what is in the queue, all of which a record, a checkpoint or a segment is left is in the ledger still, and it counts as handed out if that is not certain.</summary>
    [Fact]
    public void Whatever_of_the_log_is_lost_the_rest_is_kept() => RandomHistories.Check(
        2_500,
        60,
        random => (Step: LedgerSteps.Generate(random), IsLost: random.Next(5) == 0),
        steps =>
        {
            var run = new LedgerSteps();
            var left = new List<LedgerLog.Entry>();
            foreach (var (step, isLost) in steps.Where(s => s.Step.Kind != LedgerSteps.Kind.Damage))
            {
                run.Perform(step);
                left.AddRange(run.Log.Entries.Skip(left.Count > 0 ? (int)(left[^1].Position / LedgerLog.EntryBytes) + 1 : 0).Where(_ => !isLost));
            }

            var (_, ledger) = LedgerLog.Replay(left, run.Log.Rebuild, end: (run.Log.Ledger.LastIndex, run.Log.Ledger.NextPosition));
            var known = left.FindLast(e => e.Kind == LedgerLog.EntryKind.Checkpoint) is { } last ? QueueLedger.Restore(last.Bytes.Span, last.Index).NextPosition : 1;
            var joined = left.Where(e => e.MessageCount > 0).Select(e => (e.First, Last: e.First + (ulong)e.MessageCount - 1)).ToList();
            foreach (var (position, deliveryCount) in run.Live)
            {
                if (position < known || joined.Exists(j => j.First <= position && j.Last >= position))
                {
                    Assert.True(ledger.Live.TryGetDeliveryCount(position, out var count), $"{position} is gone");
                    Assert.True(count >= Math.Min(deliveryCount, 1), $"{position} counts as new");
                }
            }

            // The queue goes on from there; no number is given out twice.
            Assert.True(ledger.LastIndex >= run.Log.Ledger.LastIndex && ledger.NextPosition >= run.Log.Ledger.NextPosition, "the queue has gone back");
            ledger.Apply(new QueueRecord { FirstPosition = ledger.NextPosition, MessageBytes = 10, Settled = [new PositionRange(1, 3)], SettledBytes = 30 }, messageCount: 1);
            LedgerText.AssertAlike(ledger, QueueLedger.Restore(ledger.Checkpoint().Span, ledger.LastIndex));
        });
}
