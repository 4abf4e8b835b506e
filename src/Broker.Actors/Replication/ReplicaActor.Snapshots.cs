using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Machines.Replication;
using Broker.Storage.Records;

namespace Broker.Actors.Replication;

/// <summary>Snapshots: a state that comes in the place of a log that ends before another one begins.</summary>
internal sealed partial class ReplicaActor
{
    /// <summary>A snapshot that brings nothing for so long was given up by whoever sends it.</summary>
    private static readonly TimeSpan MaxSnapshotSilence = TimeSpan.FromSeconds(10);

    private SnapshotInstall? _install;

    /// <returns><c>false</c>: it goes on when the part is read.</returns>
    private bool ReadSnapshot(ReplicaPeer peer, SnapshotReader snapshot)
    {
        peer.Reading = ++_reads;
        Context.PipeTo(
            _storage.RunAsync(snapshot.Next), part => new ReplicaMessages.SnapshotRead(peer, snapshot, part), failure => new ReplicaMessages.JobFailed(failure, peer));
        return false;
    }

    private void HandleSnapshotPart(ReplicaMessages.SnapshotRead message)
    {
        var (peer, snapshot, part) = message;
        if (!peer.Queue.TryPeek(out var next) || next is not ReplicaPeer.Outgoing.State state || state.Snapshot != snapshot)
        {
            return; // the stream has ended since
        }

        peer.Reading = 0;
        if (part.IsEmpty)
        {
            peer.Queue.Dequeue();
            return;
        }

        _machine!.HandleSnapshotRead(peer.Node, snapshot.Session, snapshot.Last);
        peer.SendBefore(new ReplicaPeer.Outgoing.Bytes(part), dropFirst: false);
    }

    /// <summary>What is here is void from now on, which must be on the disk before anything of it goes.</summary>
    private void BeginInstall(Lineage log)
    {
        var old = QueuesWithRecords();
        _install = new SnapshotInstall(_storage, _sender, log) { HeardAt = Now };
        LetGo();
        _records.Reset(0);
        ForgetEnds(static _ => true);
        _applied = _committed = 0;
        _mustRebuild = false;
        _rebuilding = 0;
        WriteState(new DiskNote(Began: _install));
        _void = old;
    }

    private IReadOnlyList<ulong> _void = [];

    /// <summary>All queues of which the node may have something, be it only what is not carried out yet: the log keeps it for them until it is told that they are gone.</summary>
    private List<ulong> QueuesWithRecords()
    {
        var queues = _cluster.ShardOfQueue.Where(q => q.Value == _shard).Select(q => q.Key).ToHashSet();
        queues.UnionWith(ToCome().Select(r => r.Entity).OfType<ulong>().Where(e => !ShardEntity.Is(e)));
        return [.. queues.Order()];
    }

    private void HandleInstallBegan(SnapshotInstall install)
    {
        foreach (var queue in _void)
        {
            DropFiles(queue);
        }

        _void = [];
        GoOnWithoutFiles(install);
    }

    /// <summary>What comes next, comes when all files that are being deleted are.</summary>
    private void GoOnWithoutFiles(SnapshotInstall install)
    {
        Context.PipeTo(Task.WhenAll(_deletions), () => new ReplicaMessages.SnapshotWritten(install), failure => new ReplicaMessages.JobFailed(failure, null, install));
        _deletions.Clear();
    }

    private void HandleSnapshotPart(string from, ReadOnlyMemory<byte> part)
    {
        if (_install is { IsWritten: false, Problem: null } install && install.From == from)
        {
            install.HeardAt = Now;
            install.Parts.Enqueue(part);
            WriteNextPart(install);
        }
    }

    private void HandleSnapshotWritten(SnapshotInstall install)
    {
        if (install != _install)
        {
            install.Abandon();
            return;
        }

        install.IsBusy = false;
        if (install.IsAbandoned)
        {
            BeginAnew();
        }
        else if (install.IsComplete)
        {
            FinishInstall(install);
        }
        else
        {
            WriteNextPart(install);
        }

        TakeMore();
    }

    private void WriteNextPart(SnapshotInstall install)
    {
        if (!install.IsBusy && install.Parts.TryDequeue(out var part))
        {
            install.IsBusy = true;
            Context.PipeTo(
                _storage.RunAsync(() =>
                {
                    install.Take(part);
                    return install;
                }),
                written => new ReplicaMessages.SnapshotWritten(written),
                failure => new ReplicaMessages.JobFailed(failure, null, install));
        }
    }

    private void FinishInstall(SnapshotInstall install)
    {
        if (install.TakeNewest())
        {
            WriteState(default); // what is on the disk is void, and what comes in its place is this
        }

        install.IsWritten = true;
        foreach (var (queue, ledger) in install.Queues)
        {
            var client = new LocalRecordClient(ActorRef.NoSender); // the state behind it is what counts
            _storage.Log.Append(ReplicatedCheckpoint.Of(client, queue, (ushort)_shard, ledger, install.Log.Last, long.MaxValue));
        }

        WriteState(new DiskNote(Installed: install.Log));
    }

    private void EndInstall()
    {
        var install = _install!;
        _install = null;
        _records.Reset(install.Log.Last);
        _applied = _committed = install.Log.Last;
        foreach (var (queue, ledger) in install.Queues)
        {
            _followed.Add(queue, new FollowedQueue(this, queue, ledger));
            foreach (var mark in ledger.Producers.Marks)
            {
                _node.Producers.Note(mark);
            }
        }
    }

    /// <summary>Gives up a snapshot that does not go on: the replica is empty then, and asks anew.</summary>
    private void AbandonInstall(SnapshotInstall install, string reason)
    {
        if (install != _install || install.IsWritten)
        {
            return;
        }

        install.IsAbandoned = install.IsBusy = true;
        install.Problem = reason;
        install.Parts.Clear();
        install.Abandon();
        foreach (var (queue, _) in install.Queues)
        {
            DropFiles(queue);
        }

        _storage.Notice(StoreNoticeSeverity.Warning, $"shard {_shard}: what node '{install.From}' sent is not complete: {reason}; it is asked for again");
        GoOnWithoutFiles(install);
    }

    /// <summary>Nothing is left of the snapshot, and nothing that comes now can be taken for a part of it.</summary>
    private void BeginAnew()
    {
        _install = null;
        _machine!.HandleInstallFailed(Now);
        Write(new ShardStateRecord(_disk, _shard, new ShardState(_machine.Epoch, new Lineage(), 0, IsInstalling: true)), default); // and empty from here on
    }

    /// <summary>What is here of a shard that the node is not to have any more goes, as before a snapshot that never comes.</summary>
    private void GiveUpIfUnwanted()
    {
        if (_install is null && _writing.Count == 0 && _machine!.TryGiveUp())
        {
            _sender = "";
            BeginInstall(new Lineage());
            _install!.IsAbandoned = true;
        }
    }

    private void CheckInstall()
    {
        if (_install is { IsBusy: false, IsWritten: false, Parts.Count: 0 } install && Now - install.HeardAt > MaxSnapshotSilence)
        {
            AbandonInstall(install, install.Problem ?? "nothing more has come");
        }
    }
}
