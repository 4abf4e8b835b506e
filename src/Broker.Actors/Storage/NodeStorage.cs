using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Machines.Ledgers;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Recovery;
using Broker.Storage.Segments;

namespace Broker.Actors.Storage;

/// <summary>The store as the node's actors use it. Thread-safe once <see cref="Recover"/> has returned.</summary>
internal sealed class NodeStorage(BrokerStorageOptions options)
{
    private readonly HashSet<ulong> _taken = []; // queues whose ledgers were
    private readonly Dictionary<ulong, Task> _jobs = []; // the last one under way of each queue
    private volatile string? _blockedBy;
    private QueueRecovery? _recovery;
    private volatile RecoveryProgress? _progress;
    private volatile bool _isRecovered;

    public BrokerStorageOptions Options => options;

    public WriteAheadLog Log => options.Store.Log;

    public SegmentStore Segments => options.Store.Segments;

    public MessageCopy Copy => options.Store.Copy;

    /// <summary>What the store has done since the start.</summary>
    public StoreCounters Counters { get; } = new();

    /// <summary>Who looks after the log; told when something needs looking after.</summary>
    public ActorRef Keeper { get; set; } = ActorRef.NoSender;

    /// <summary>Why publishers of durable queues have to wait, in words that follow a queue's name; <c>null</c> if they need not. Written by the keeper alone.</summary>
    public string? BlockedBy
    {
        get => _blockedBy;
        set => _blockedBy = value;
    }

    /// <summary>What recovery has found. Only when it is done.</summary>
    public QueueRecovery Recovery => _recovery ?? throw new InvalidOperationException("the store is not recovered yet");

    /// <summary>Whether recovery is done.</summary>
    public bool IsRecovered => _isRecovered;

    /// <summary>How far recovery is.</summary>
    public RecoveryProgress? Progress => _progress;

    /// <summary>Reads the log.</summary>
    /// <param name="isClustered">Whether the node is one of a cluster, whose shards are replicated.</param>
    /// <exception cref="StoreException">The store cannot be used as it is.</exception>
    /// <exception cref="DiskException">The disk failed.</exception>
    public async Task RecoverAsync(bool isClustered = false)
    {
        // The caller goes on elsewhere: it has more to do than a thread that is there for the disk should.
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        options.Scheduler.Run(() =>
        {
            try
            {
                Recover(isClustered);
                done.SetResult();
            }
            catch (IOException e)
            {
                done.SetException(e);
            }
        });
        await done.Task;
    }

    /// <summary>Says what recovery has found that an operator should know.</summary>
    public void Report(QueueDirectory queues)
    {
        foreach (var tail in Recovery.TornTails)
        {
            Notice(StoreNoticeSeverity.Information, $"the log ended in an unfinished record, which nobody was told of as done: '{tail.File}' was cut off at {tail.Offset}");
        }

        foreach (var damage in Recovery.Damages)
        {
            var whose = damage.Entity is { } entity ? $"queue {NameOf(queues, entity)}, {damage.MessageCount} message(s) from position {damage.FirstPosition} on" : "whose it is cannot be read";
            var isSetAside = !Recovery.NotSetAside.Contains(damage);
            Notice(
                StoreNoticeSeverity.Error,
                $"'{damage.File}' is damaged at {damage.Offset}, {damage.Length} bytes: {damage.Reason}; {whose}"
                + (isSetAside ? ". It is set aside in quarantine: see 'pbm store quarantine list'" : ""));
            if (!isSetAside)
            {
                Notice(
                    StoreNoticeSeverity.Warning,
                    $"what is damaged in '{damage.File}' at {damage.Offset} could not be set aside: the disk is full; it stays in its file until that is given up");
            }
        }

        foreach (var lost in Recovery.Lost)
        {
            var messages = (long)(lost.EndPosition - lost.FirstPosition);
            Notice(new StoreNotice(
                StoreNoticeSeverity.Error,
                $"queue {NameOf(queues, lost.Entity)}: records {lost.FirstIndex} to {lost.LastIndex} are lost to damage, and {messages} message(s) with them. "
                + "What consumers had settled in them comes back, marked as redelivered",
                queues.TryGet(lost.Entity, out var queue) ? queue.Name : null,
                messages,
                LostSettlements: true));
        }

        foreach (var (entity, found, knownFrom) in Recovery.Rebuilt)
        {
            Notice(new StoreNotice(
                StoreNoticeSeverity.Error,
                $"queue {NameOf(queues, entity)}: the log does not have its beginning. Of the messages before position {knownFrom}, {found} were found in its segments and are back, "
                + "marked as redelivered; the others are lost, unless they had been settled",
                queues.TryGet(entity, out var queue) ? queue.Name : null,
                LostMessages: (long)(Math.Max(knownFrom, 1) - 1 - found),
                LostSettlements: true));
        }

        foreach (var (entity, unplaced) in Recovery.Unplaced)
        {
            var count = unplaced.Sum(r => (long)r.Count);
            var first = unplaced[0].First;
            Notice(new StoreNotice(
                StoreNoticeSeverity.Error,
                $"queue {NameOf(queues, entity)}: {count} message(s) from position {first} on are nowhere to be found",
                queues.TryGet(entity, out var queue) ? queue.Name : null,
                count));
        }
    }

    private static string NameOf(QueueDirectory queues, ulong queue) => queues.TryGet(queue, out var found) ? $"'{found.Name}'" : $"number {queue}";

    private void Recover(bool isClustered)
    {
        var recovery = new QueueRecovery(options.Store, isClustered);
        options.Store.Recover(recovery, progress =>
        {
            _progress = progress;
            if (progress.TotalBytes > 0)
            {
                Notice(StoreNoticeSeverity.Information, $"recovering: {progress.DoneBytes >> 20} of {progress.TotalBytes >> 20} MiB of log read ({progress.DoneBytes * 100 / progress.TotalBytes} %)");
            }
        });
        StoreMode.Check(recovery, isClustered);
        foreach (var entity in recovery.Deleted.Concat(recovery.Dropped))
        {
            options.Store.Segments.DeleteAll(entity);
        }

        _recovery = recovery;
        _isRecovered = true;
    }

    /// <summary>The ledger of a queue: what recovery has made of its records, or an empty one.</summary>
    /// <returns><c>null</c> if it was taken before: it has gone on since, and what it has become ended with the actor that had it.</returns>
    public QueueLedger? TakeLedger(ulong queue)
    {
        lock (_taken)
        {
            return !_taken.Add(queue) ? null : Recovery.Ledgers.Remove(queue, out var ledger) ? ledger : new QueueLedger();
        }
    }

    /// <summary>Runs a job that waits for the disk. What follows it runs where it ran: an actor pipes it to itself.</summary>
    public ValueTask<T> RunAsync<T>(Func<T> job)
    {
        var done = new TaskCompletionSource<T>();
        options.Scheduler.Run(() =>
        {
            try
            {
                done.SetResult(job());
            }
            catch (Exception e) when (e is DiskException or ObjectDisposedException or InvalidDataException)
            {
                done.SetException(e);
            }
        });
        return new ValueTask<T>(done.Task);
    }

    /// <summary>Runs a job that writes files of a queue, after those that were begun before: an actor that took over from another one does not know of the other's.</summary>
    public Task<T> RunOnQueueAsync<T>(ulong queue, Func<T> job)
    {
        lock (_jobs)
        {
            var before = _jobs.GetValueOrDefault(queue, Task.CompletedTask);
            var task = before.IsCompleted ? RunAsync(job).AsTask() : AfterAsync(before);
            _jobs[queue] = task;
            task.ContinueWith(
                ended =>
                {
                    lock (_jobs)
                    {
                        if (_jobs.TryGetValue(queue, out var last) && last == ended)
                        {
                            _jobs.Remove(queue);
                        }
                    }
                },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            return task;
        }

        async Task<T> AfterAsync(Task earlier)
        {
            await earlier.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default); // however it ended
            return await RunAsync(job);
        }
    }

    /// <summary>The same for a job that gives nothing.</summary>
    public Task RunOnQueueAsync(ulong queue, Action job) => RunOnQueueAsync(queue, () =>
    {
        job();
        return true;
    });

    /// <summary>Deletes the segments of a queue whose end is on the disk, after what is written to them still, and lets the log know that the queue needs nothing of it any more.</summary>
    public Task DropQueueAsync(ulong queue, long upTo = long.MaxValue) => RunOnQueueAsync(queue, () =>
    {
        try
        {
            Segments.DeleteAll(queue);
        }
        catch (DiskException e)
        {
            Notice(StoreNoticeSeverity.Warning, $"segments of a deleted queue could not be deleted: {e.Message}");
        }

        Log.Forget(queue, upTo); // only now: segments of which the log knows nothing are taken for a queue whose records were lost
    });

    public void Notice(StoreNoticeSeverity severity, string text) => Notice(new StoreNotice(severity, text));

    public void Notice(StoreNotice notice) => options.OnNotice?.Invoke(notice);
}
