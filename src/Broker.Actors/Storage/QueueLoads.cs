using Broker.Actors.Queues;
using Broker.Actors.Replication;
using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;

namespace Broker.Actors.Storage;

/// <summary>What a read from disk has brought.</summary>
/// <param name="First">From where on everything was read.</param>
/// <param name="Last">Up to where.</param>
/// <param name="Messages">What was found, in order of position.</param>
/// <param name="Damages">What could not be read.</param>
/// <param name="Segment">The segment that it was read from; 0 for the log.</param>
/// <param name="SegmentLength">How long the segment was when its blocks were listed.</param>
/// <param name="Blocks">The blocks of that segment.</param>
internal sealed record LoadResult(
    ulong First,
    ulong Last,
    IReadOnlyList<(ulong Position, StoredMessage Message)> Messages,
    IReadOnlyList<StoreDamage> Damages,
    uint Segment,
    long SegmentLength,
    IReadOnlyList<BlockLocation> Blocks)
{
    /// <summary>
    /// Whether something that could not be read lies elsewhere by now, or nowhere: it was copied to a segment or has left while the read was under way, and its file
    /// may be deleted since. That says nothing about the place where it is.
    /// </summary>
    public bool IsOutdated(MessageIndex index) => Damages.Count > 0
        && (Segment != 0 ? index.Segments.All(s => s.Number != Segment) : !Damages.All(d => index.TryFindRun(d.FirstPosition, out _)));

    /// <summary>
    /// The first position that the queue has between <see cref="First"/> and <see cref="Last"/> and that was not read; 0 if all were. A block whose header is damaged is passed over in silence.
    /// </summary>
    public ulong FirstMissing(LiveMessages live)
    {
        var at = 0;
        foreach (var range in live.Ranges(First, Last))
        {
            for (var position = range.First; position <= range.Last; position++)
            {
                while (at < Messages.Count && Messages[at].Position < position)
                {
                    at++;
                }

                if (at == Messages.Count || Messages[at].Position != position)
                {
                    return position;
                }
            }
        }

        return 0;
    }
}

/// <summary>Brings messages of a durable queue back into memory. Belongs to the queue's actor; one read at a time.</summary>
internal sealed class QueueLoads(NodeStorage storage, QueueDefinitionName queue, QueueJournal journal)
{
    private (uint Segment, long Length, IReadOnlyList<BlockLocation> Blocks) _known = (0, 0, []);
    private QueueEffect.Load? _waiting; // for its record to be made, or to be on the disk

    private QueueLedger Ledger => journal.Ledger;

    /// <summary>Reads what the queue's machine asks for.</summary>
    public void Begin(QueueEffect.Load load, IActorContext context)
    {
        if (Ledger.Index.FindSegment(load.Position) is { } segment)
        {
            LoadSegment(load, segment, context);
        }
        else if (Ledger.Index.TryFindRun(load.Position, out var run))
        {
            if (run.LogPosition < 0)
            {
                _waiting = load;
            }
            else
            {
                LoadRuns(load, context);
            }
        }
        else if (load.Position >= Ledger.NextPosition)
        {
            _waiting = load; // it joined since the last record
        }
        else
        {
            // Nothing holds it. What recovery said of it stands in its report.
            var next = Math.Min(Ledger.NextPosition, Ledger.Index.NextPlacedAfter(load.Position)); // what joins from now on is somewhere
            context.Self.Tell(new QueueMessage.Loaded(new LoadResult(load.Position, next - 1, [], [], 0, 0, [])));
        }
    }

    /// <summary>More of the queue's records are on the disk.</summary>
    public void HandleCommitted(IActorContext context)
    {
        if (_waiting is { } load)
        {
            _waiting = null;
            Begin(load, context);
        }
    }

    /// <summary>A read has ended.</summary>
    public void HandleLoaded(LoadResult result, IQueueMachine machine)
    {
        if (result.IsOutdated(Ledger.Index))
        {
            machine.HandleNotLoaded();
            return;
        }

        if (result.Segment != 0)
        {
            _known = (result.Segment, result.SegmentLength, result.Blocks);
        }

        if (result.Damages.Count > 0 && FailIfReplicated($"'{result.Damages[0].File}' is damaged at {result.Damages[0].Offset}"))
        {
            return;
        }

        if (journal is ReplicatedQueueJournal && result.FirstMissing(Ledger.Live) is > 0 and var missing)
        {
            FailIfReplicated($"message {missing} of queue '{queue.Name}' is nowhere");
            return;
        }

        storage.Counters.CountLoad(result.Messages.Count);
        var lost = machine.HandleLoaded(result.Messages, result.First, result.Last);
        if (lost.Count > 0 || result.Damages.Count > 0)
        {
            Report(result.Damages, lost);
            storage.Options.Scheduler.Run(() => SetAside(result.Damages));
        }
    }

    /// <summary>Messages that were to be copied could not be read.</summary>
    public void HandleUnreadable(IReadOnlyList<ulong> positions, IQueueMachine machine)
    {
        if (FailIfReplicated($"{positions.Count} message(s) of queue '{queue.Name}' cannot be read"))
        {
            return;
        }

        var lost = positions.SelectMany(p => machine.HandleLost(p, p)).ToList();
        if (lost.Count > 0)
        {
            Report([], lost);
        }
    }

    /// <summary>
    /// A replicated queue takes nothing out that this node cannot read: that would be a record, and gone from the peers, too, which have it whole. The node's log ends, so that one of them leads.
    /// A queue's actor that does not know yet that it has lost the queue looks where its successor may have deleted what lay there: that is no damage, and what it does counts no more.
    /// </summary>
    /// <returns><c>false</c> if the queue is this node's alone.</returns>
    private bool FailIfReplicated(string damage)
    {
        if (journal is not ReplicatedQueueJournal)
        {
            return false;
        }

        var isOurs = false;
        journal.IfOwned(() => isOurs = true);
        if (isOurs)
        {
            storage.Log.Fail(StoreMode.DamagedCopy(damage));
        }

        return true;
    }

    private void Report(IReadOnlyList<StoreDamage> damages, IReadOnlyList<PositionRange> lost)
    {
        var count = lost.Aggregate(0UL, (sum, r) => sum + r.Count);
        storage.Counters.CountLost((long)count);
        var where = string.Join(", ", damages.Select(d => $"'{d.File}' at {d.Offset}").Distinct());
        var which = string.Join(", ", lost.Take(10).Select(r => r.Count == 1 ? $"{r.First}" : $"{r.First} to {r.Last}"));
        storage.Notice(new StoreNotice(
            StoreNoticeSeverity.Error,
            $"queue '{queue.Name}': {count} message(s) cannot be read and were taken out: position(s) {which}{(where.Length > 0 ? $"; damaged: {where}, set aside in quarantine" : "")}",
            queue.Name,
            (long)count));
    }

    private void LoadRuns(QueueEffect.Load load, IActorContext context)
    {
        var runs = new List<LogRun>();
        long bytes = 0;
        foreach (var run in Ledger.Index.Runs)
        {
            if (run.Last < load.Position)
            {
                continue;
            }

            if (run.LogPosition < 0 || bytes >= load.Bytes)
            {
                break;
            }

            runs.Add(run);
            bytes += run.LogLength;
        }

        Pipe(context, load, () => Read(load.Position, runs));
    }

    private void LoadSegment(QueueEffect.Load load, SegmentEntry segment, IActorContext context)
    {
        var known = _known.Segment == segment.Number && _known.Length == segment.Length ? _known.Blocks : null;
        Pipe(context, load, () => Read(load, segment, known ?? storage.Segments.Blocks(queue.Id, segment.Number, segment.Length)));
    }

    private void Pipe(IActorContext context, QueueEffect.Load load, Func<LoadResult> read) => context.PipeTo(
        storage.RunAsync(read),
        result => new QueueMessage.Loaded(result),
        failure => new QueueMessage.LoadFailed(load, failure));

    private LoadResult Read(ulong first, List<LogRun> runs)
    {
        var messages = new List<(ulong, StoredMessage)>();
        var damages = new List<StoreDamage>();
        foreach (var run in runs)
        {
            var source = MessageSource.InLog(run.LogPosition, run.LogLength);
            var file = storage.Log.FileOf(run.LogPosition);
            Add(storage.Copy.Read(queue.Id, source), run.First, (int)(run.Last - run.First) + 1, file?.Path ?? "log", file?.Offset ?? run.LogPosition, run.LogLength, messages, damages);
        }

        return new LoadResult(first, runs[^1].Last, messages, damages, 0, 0, []);
    }

    private LoadResult Read(QueueEffect.Load load, SegmentEntry segment, IReadOnlyList<BlockLocation> blocks)
    {
        var messages = new List<(ulong, StoredMessage)>();
        var damages = new List<StoreDamage>();
        long bytes = 0;
        var last = segment.Last;
        for (var i = 0; i < blocks.Count; i++)
        {
            var block = blocks[i];
            if (block.Last < load.Position)
            {
                continue;
            }

            if (bytes >= load.Bytes)
            {
                last = block.First - 1;
                break;
            }

            bytes += block.Length;
            Add(
                storage.Copy.Read(queue.Id, MessageSource.In(block)), block.First, block.Count, storage.Segments.PathOf(queue.Id, segment.Number), block.Offset, block.Length, messages, damages);
        }

        if (blocks.Count == 0)
        {
            damages.Add(new StoreDamage
            {
                File = storage.Segments.PathOf(queue.Id, segment.Number),
                Offset = 0,
                Length = segment.Length,
                Entity = queue.Id,
                FirstPosition = segment.First,
                Reason = "the segment is missing, or nothing of it can be read",
            });
        }

        return new LoadResult(load.Position, last, messages, damages, segment.Number, segment.Length, blocks);
    }

    private void Add(
        StoredRecord? record, ulong first, int count, string file, long offset, int length, List<(ulong, StoredMessage)> messages, List<StoreDamage> damages)
    {
        var damaged = record is null ? count : 0;
        if (record is not null)
        {
            foreach (var message in record.Messages())
            {
                if (message.State == StoredMessageState.Intact)
                {
                    messages.Add((message.Position, QueueLogRecord.MessageOf(message.Bytes, message.Meta)));
                }
                else
                {
                    damaged++;
                }
            }
        }

        if (damaged > 0)
        {
            damages.Add(new StoreDamage
            {
                File = file, Offset = offset, Length = length, Entity = queue.Id, FirstPosition = first, MessageCount = damaged, Reason = "messages are damaged",
            });
        }
    }

    private void SetAside(IReadOnlyList<StoreDamage> damages)
    {
        try
        {
            foreach (var damage in damages)
            {
                storage.Options.Store.Quarantine.Add(damage);
            }
        }
        catch (DiskException e)
        {
            storage.Notice(StoreNoticeSeverity.Warning, $"a damaged piece could not be set aside: {e.Message}");
        }
    }
}

/// <summary>A queue's number and name.</summary>
internal readonly record struct QueueDefinitionName(ulong Id, string Name);
