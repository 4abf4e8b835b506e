using Broker.Actors.Cluster;
using Broker.Actors.Queues;
using Broker.Actors.Replication;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Storage.Disks;
using Broker.Storage.Log;

namespace Broker.Actors.Storage;

/// <summary>
/// Looks after the store: has queues write checkpoints so that old log files can go, keeps a spare file ready, and makes publishers wait before the disk is full.
/// </summary>
internal sealed class StoreActor(NodeServices node, NodeStorage storage) : Actor
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    private readonly HashSet<ulong> _awaited = []; // queues whose checkpoints are to come
    private long _goal = -1; // up to where the log is being given up; -1: nothing is under way
    private long _askedAt; // for the checkpoints of that
    private bool _retiring;
    private bool _preparing;
    private bool _saidFailed;
    private bool _saidUnknown;
    private string? _spareProblem;

    protected override void PreStart()
    {
        Context.Describe(() => $"log {storage.Log.SizeBytes >> 20} MiB in {storage.Log.FileCount} files, {storage.Log.State}{(storage.BlockedBy is { } reason ? $", publishers wait: {reason}" : "")}");
        Context.Timers.StartPeriodic(StoreMessage.Check.Instance, StoreMessage.Check.Instance, storage.Options.CheckInterval);
        Check();
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case StoreMessage.Check:
                Check();
                break;
            case StoreMessage.CheckpointDone m:
                _awaited.Remove(m.Queue);
                RetireIfReady();
                break;
            case StoreMessage.Retired m:
                _goal = -1;
                _retiring = false;
                HandleFailure(m.Failure, "log files could not be retired");
                if (m.Failure is null && m.Any)
                {
                    Check(); // there may be more; if nothing could go, the next look comes soon enough
                }

                break;
            case StoreMessage.SparePrepared m:
                _preparing = false;
                _spareProblem = m.Failure?.Message;
                HandleFailure(m.Failure, "no spare log file could be made");
                CheckSpace();
                break;
            case Terminated:
                break; // the actor of a queue: what is awaited of it is given up at the next look
            default:
                Unhandled(message);
                break;
        }
    }

    private void Check()
    {
        if (storage.Log.State == LogState.Failed)
        {
            if (!_saidFailed)
            {
                _saidFailed = true;
                storage.Notice(StoreNoticeSeverity.Error, $"{storage.Log.Reason}. Durable queues take nothing more until the node is started anew");
                foreach (var queue in node.Queues.Durable)
                {
                    queue.Actor.Tell(new LogSignal.Failed(storage.Log.Reason), Self); // those with nothing under way have not heard of it
                }

                foreach (var replica in node.Cluster?.Replicas ?? [])
                {
                    replica.Tell(new ReplicaMessages.LogFailed(storage.Log.Reason), Self); // likewise
                }
            }

            return;
        }

        CheckSpace();
        CheckMemory();
        PrepareSpare();
        GiveUpAwaited();
        if (_goal < 0)
        {
            BeginRetirement();
        }
        else
        {
            RetireIfReady();
        }
    }

    /// <summary>
    /// An actor that has ended answers no more. In a cluster its queue may have another one at once, which was not asked, so there it is a matter of time; what is still needed then is asked
    /// for again.
    /// </summary>
    private void GiveUpAwaited()
    {
        if (node.Cluster is null)
        {
            _awaited.RemoveWhere(queue => !node.Queues.TryGet(queue, out _));
        }
        else if (_goal >= 0 && node.Options.TimeProvider.GetElapsedTime(_askedAt) > MaxWait)
        {
            _awaited.Clear();
        }
    }

    /// <summary>Publishers wait before the log has to: settlements need space too, and they are what gives space back.</summary>
    private void CheckSpace()
    {
        var free = FreeBytes();
        var reason =
            storage.Log.State == LogState.Full || (!storage.Log.HasSpare && _spareProblem is not null) || free < storage.Options.MinFreeBytes ? "waits for disk space"
            : storage.Log.SizeBytes > 4 * storage.Options.Log.MaxBytes ? "waits for the log to be cleared"
            : null;
        if (reason == storage.BlockedBy)
        {
            return;
        }

        storage.BlockedBy = reason;
        var figures = $"{(free is { } known ? $"{known >> 20}" : "unknown")} MiB are free, {storage.Options.MinFreeBytes >> 20} are to stay so; the log has {storage.Log.SizeBytes >> 20} MiB";
        storage.Notice(
            reason is null ? StoreNoticeSeverity.Information : StoreNoticeSeverity.Warning,
            reason is null ? $"publishers of durable queues go on: {figures}" : $"publishers of durable queues wait: {figures}");
        foreach (var queue in node.Queues.Durable)
        {
            queue.Actor.Tell(new QueueMessage.Blocked(reason), Self);
        }
    }

    /// <summary>Free space; <c>null</c> if that cannot be read now.</summary>
    private long? FreeBytes()
    {
        try
        {
            var free = storage.Options.Store.Disk.FreeBytes;
            _saidUnknown = false;
            return free;
        }
        catch (DiskException e)
        {
            if (!_saidUnknown)
            {
                _saidUnknown = true;
                storage.Notice(StoreNoticeSeverity.Warning, $"it is not known whether the disk is about to be full: {e.Message}");
            }

            return null;
        }
    }

    /// <summary>A queue that has nothing to do does not notice by itself that the node is short of memory.</summary>
    private void CheckMemory()
    {
        if (node.Memory.IsShort)
        {
            foreach (var queue in node.Queues.Durable.Where(q => q.Status.LoadedBytes > node.Limits.Queue.MinLoadedBytes))
            {
                queue.Actor.Tell(new QueueMessage.MemoryShort(IsShort: true), Self);
            }
        }
    }

    private void PrepareSpare()
    {
        if (_preparing || storage.Log.HasSpare)
        {
            return;
        }

        _preparing = true;
        var log = storage.Log;
        Context.PipeTo(
            storage.RunAsync<object>(() =>
            {
                log.PrepareSpare();
                return new StoreMessage.SparePrepared(null);
            }),
            done => done,
            failure => new StoreMessage.SparePrepared(failure));
    }

    private void BeginRetirement()
    {
        var goal = storage.Log.RetirementGoal();
        if (goal <= storage.Log.StartPosition)
        {
            return;
        }

        _goal = goal;
        _askedAt = node.Options.TimeProvider.GetTimestamp();
        foreach (var entity in storage.Log.EntitiesNeeding(goal))
        {
            if (node.Queues.TryGet(entity, out var queue))
            {
                _awaited.Add(entity);
                queue.Actor.Tell(new QueueMessage.Checkpoint(goal), Self);
            }
            else if (node.Cluster is { } cluster && cluster.ShardOf(entity) is { } shard && !cluster.Replicas[shard].IsNobody) // they start later
            {
                _awaited.Add(entity);
                cluster.Replicas[shard].Tell(new ReplicaCommand.Checkpoint(entity, goal), Self);
            }
        }

        RetireIfReady();
    }

    private void RetireIfReady()
    {
        if (_goal < 0 || _retiring || _awaited.Count > 0)
        {
            return;
        }

        _retiring = true;
        var (log, goal) = (storage.Log, _goal);
        Context.PipeTo(storage.RunAsync(() => log.Retire(goal)), any => new StoreMessage.Retired(any, null), failure => new StoreMessage.Retired(false, failure));
    }

    private void HandleFailure(Exception? failure, string what)
    {
        if (failure is DiskException { Error: DiskError.Full })
        {
            return; // CheckSpace says what follows from it
        }

        if (failure is not null)
        {
            storage.Log.Fail($"{what}: {failure.Message}");
        }
    }
}
