using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Machines;
using Broker.Machines.Replication;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>What goes to the node's log, and what comes back from it.</summary>
internal sealed partial class ReplicaActor
{
    private readonly Queue<(LogRecord Record, DiskNote Note)> _writing = new();
    private readonly ShardRecords _records = new();
    private DiskClient _disk = null!;
    private bool _mustRebuild; // the ledgers are to be read from the disk
    private long _rebuilding; // number of the read under way; 0: none
    private long _rebuilds;
    private LogRecord? _rebuildAfter; // what the disk must have for that

    /// <summary>What follows when a record is on the disk.</summary>
    /// <param name="Epoch">This epoch is.</param>
    /// <param name="Index">This record of the shard is, which was written in <paramref name="WrittenIn"/>.</param>
    /// <param name="WrittenIn">The epoch of that record.</param>
    /// <param name="Installed">This state is, in the place of everything.</param>
    /// <param name="Answers">The keeper of the store waits for it.</param>
    /// <param name="Began">What was here is void, and this snapshot comes in its place.</param>
    /// <param name="Ended">This queue is gone, and its files may be.</param>
    private readonly record struct DiskNote(
        long Epoch = 0, ulong Index = 0, long WrittenIn = 0, Lineage? Installed = null, bool Answers = false, SnapshotInstall? Began = null, ulong Ended = 0);

    private void Write(LogRecord record, DiskNote note)
    {
        _writing.Enqueue((record, note));
        _storage.Log.Append(record);
    }

    /// <summary>Writes the next record of the shard.</summary>
    private void WriteRecord(LogRecord record, ulong index, long epoch)
    {
        _records.Add(new ShardRecord { Epoch = epoch, Position = -1, InMemory = record });
        Invariant.That(_records.Last == index, "records of a shard are written in order");
        if (record.Kind == RecordKind.Deleted)
        {
            _ends[record.Entity] = index;
        }

        Write(record, new DiskNote(Index: index, WrittenIn: epoch));
    }

    /// <summary>Writes how the log is now, with the records before it that are on their way to the disk.</summary>
    private void WriteState(DiskNote note)
    {
        var machine = _machine!;
        var state = _install switch
        {
            null => new ShardState(machine.Epoch, machine.Log.UpTo(machine.Log.Last), machine.CommittedIndex, IsInstalling: false),
            { } install => new ShardState(machine.Epoch, install.Log, install.Log.Last, IsInstalling: !install.IsWritten),
        };
        Write(new ShardStateRecord(_disk, _shard, state) { NeededFrom = PositionBehind(state.Committed) }, note);
    }

    /// <summary>At or before the place of the first record behind an index.</summary>
    private long PositionBehind(ulong index)
    {
        if (!_records.Has(index + 1))
        {
            return long.MaxValue;
        }

        var (position, _) = _records[index + 1].Place;
        return position >= 0 ? position : _storage.Log.SyncedPosition; // on its way, and so behind what is on the disk
    }

    private void WriteArrived(ReplicaEffect.Write effect)
    {
        var index = effect.First;
        var arrived = 0;
        foreach (var run in effect.Runs)
        {
            for (var i = 0UL; i < run.Count; i++, index++, arrived++)
            {
                var record = _arrived[arrived];
                EndIfOver(record.Entity);
                if (!ShardEntity.Is(record.Entity) && !_cluster.ShardOfQueue.ContainsKey(record.Entity))
                {
                    _cluster.ShardOfQueue[record.Entity] = _shard; // from now on the log keeps something for it, be it cut off later
                }

                WriteRecord(
                    new ReplicatedRecord(
                        _disk,
                        _shard,
                        (RecordKind)record.Kind,
                        record.Entity,
                        record.Index,
                        index,
                        run.Epoch,
                        _committed,
                        record.FirstPosition,
                        record.Operations,
                        record.Messages),
                    index,
                    run.Epoch);
            }
        }
    }

    private void Cut(ulong from)
    {
        _records.CutFrom(from);
        ForgetEnds(end => end >= from);
        WriteState(default);
    }

    private void HandleOnDisk(LogRecord last)
    {
        AppendPending();
        (ulong Index, long Epoch) certain = default;
        while (_writing.TryDequeue(out var written))
        {
            var note = written.Note;
            if (note.Index > 0)
            {
                certain = (note.Index, note.WrittenIn);
            }
            else
            {
                Report(ref certain);
                HandleNote(note, written.Record.Position);
                Carry();
            }

            if (written.Record == _rebuildAfter)
            {
                _rebuildAfter = null;
            }

            if (written.Record == last)
            {
                break;
            }
        }

        Report(ref certain);
        BeginNextLife();
        TakeMore();
    }

    private void Report(ref (ulong Index, long Epoch) certain)
    {
        if (certain.Index > 0)
        {
            _machine!.HandleCertain(certain.Index, certain.Epoch, Now);
            certain = default;
        }
    }

    private void HandleNote(DiskNote note, long position)
    {
        if (note.Epoch > 0)
        {
            _machine!.HandleEpochCertain(note.Epoch, Now);
        }

        if (note.Installed is { } installed)
        {
            EndInstall();
            _machine!.HandleInstalled(installed, Now);
        }

        if (note.Began is { } began)
        {
            HandleInstallBegan(began);
        }

        if (note.Ended > 0)
        {
            DropFiles(note.Ended, position);
        }

        if (note.Answers)
        {
            _storage.Keeper.Tell(new StoreMessage.CheckpointDone(ShardEntity.Of(_shard)), Self);
        }
    }

    private void Restore(RecoveredShard recovered)
    {
        _records.Reset(recovered.Located.Count > 0 ? recovered.Located[0].ShardIndex - 1 : recovered.Log.Last);
        foreach (var located in recovered.Located)
        {
            _records.Add(new ShardRecord { Epoch = located.Epoch, Position = located.Position, Length = located.Length });
        }

        Invariant.That(_records.Last == recovered.Log.Last, "a shard's log ends where its last record is");
        foreach (var held in recovered.Held.Where(h => !ShardEntity.Is(h.Entity)))
        {
            _cluster.ShardOfQueue[held.Entity] = _shard; // as when it came: the log keeps something for it, be it cut off later
            if (held.Kind == RecordKind.Deleted)
            {
                _ends[held.Entity] = held.ShardIndex;
            }
        }

        _committed = recovered.Committed;
        TakeOver(recovered);
    }

    /// <summary>Takes the ledgers that the disk has, and what is still to be carried out on them.</summary>
    private void TakeOver(RecoveredShard shard)
    {
        LetGo();
        foreach (var (queue, ledger) in shard.Ledgers)
        {
            var followed = new FollowedQueue(this, queue, ledger);
            _followed.Add(queue, followed);
            if (ledger.DroppedSegments.Count > 0)
            {
                _touched.Add(followed); // a queue to which nothing comes would keep them
            }
        }

        for (var index = Math.Max(_applied + 1, _records.First); index <= shard.Committed && index <= _records.Last; index++)
        {
            _records[index].Settle(); // the ledgers have it
        }

        _applied = shard.Committed;
        ForgetEnds(end => end <= _applied);
        _committed = Math.Max(_committed, _applied);
        foreach (var held in shard.Held)
        {
            if (_records.Has(held.ShardIndex) && _records[held.ShardIndex] is { InMemory: null } record && record.Epoch == held.Epoch)
            {
                _records[held.ShardIndex].Held = held;
            }
        }
    }

    private void RebuildIfNeeded()
    {
        if (!_mustRebuild || _rebuilding != 0 || _rebuildAfter is not null || _install is not null)
        {
            return;
        }

        var rebuild = _rebuilding = ++_rebuilds;
        var (log, store, shard) = (_storage.Log, _storage.Options.Store, _shard);
        Context.PipeTo(_storage.RunAsync(() => ShardLogReader.Read(log, store, shard)), read => new ReplicaMessages.Rebuilt(read, rebuild), failure => new ReplicaMessages.JobFailed(failure));
    }

    private void HandleRebuilt(ReplicaMessages.Rebuilt message)
    {
        if (message.Rebuild != _rebuilding)
        {
            return; // a snapshot has come in its place
        }

        _rebuilding = 0;
        if (message.Shard.Problem is { } problem)
        {
            _storage.Log.Fail($"shard {_shard} cannot be read again: {problem}");
            return;
        }

        _mustRebuild = false;
        TakeOver(message.Shard);
    }

    private void HandleLogFailed(string reason)
    {
        AppendPending();
        EndServing(reason);
        _cluster.Cluster.Tell(new Cluster.ClusterCommand.Resign(reason), Self);
    }

    private void HandleJobFailed(ReplicaMessages.JobFailed message)
    {
        if (message.Peer is { } peer)
        {
            HandleReadFailed(peer, message.Failure);
        }
        else if (message is { Install: { } broken, Failure: DiskException { Error: DiskError.Full } })
        {
            broken.IsBusy = false;
            broken.Problem = message.Failure.Message; // to ask again at once would fill what is left
            broken.Parts.Clear();
            TakeMore();
        }
        else if (message is { Install: { } install, Failure: InvalidDataException })
        {
            install.IsBusy = false;
            AbandonInstall(install, message.Failure.Message);
        }
        else
        {
            _storage.Log.Fail($"shard {_shard}: {message.Failure.Message}");
        }
    }

    /// <summary>Hears what of the shard is on the disk.</summary>
    private sealed class DiskClient(ActorRef self) : LogClient
    {
        public override void OnCommitted(LogRecord last) => self.Tell(new ReplicaMessages.OnDisk(last));

        public override void OnFailed(LogFailure failure) => self.Tell(new ReplicaMessages.LogFailed(failure.Reason));
    }
}
