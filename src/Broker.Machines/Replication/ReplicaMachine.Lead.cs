using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>Leading.</summary>
public sealed partial class ReplicaMachine
{
    private readonly Dictionary<string, FollowerProgress> _followers = []; // by node, those that have said in this epoch how their log is
    private readonly List<IReadOnlyList<ReplicaId>> _proposals = []; // in-sync sets that may have taken the place of this one, for all that is known
    private TimeSpan _leadsSince;
    private readonly Dictionary<string, ReplicaMessage.Follow> _early = []; // by node: the last that came before this replica led
    private ulong _startIndex; // of the record that began this epoch
    private ulong _endAtTick;
    private bool _isProposing; // the outcome of the last one is still to come
    private TimeSpan _gaveWayAt; // or began to lead

    /// <summary>Of a leader: the nodes that follow it, with the index up to which each has records on its disk.</summary>
    public IEnumerable<KeyValuePair<string, ulong>> Followers => _followers.Select(f => KeyValuePair.Create(f.Key, f.Value.Certain));

    /// <summary>Appends records, which the owner puts on the disk under these indexes and this epoch. Only while <see cref="IsServing"/>.</summary>
    /// <param name="count">How many; at least 1.</param>
    /// <returns>Index of the first.</returns>
    public ulong Append(int count)
    {
        Invariant.That(IsServing && count > 0, "only a leader that serves appends records");
        var first = _log.Last + 1;
        _log.Append(Epoch, (ulong)count);
        SendRecords();
        return first;
    }

    /// <summary>A proposal did not take place, or nobody knows.</summary>
    /// <param name="revision">Revision of the assignment that it was to change.</param>
    /// <param name="nothingChanged">Whether it is certain that it did not, and never will.</param>
    public void HandleProposalFailed(long revision, bool nothingChanged)
    {
        if (revision != _revision || !_isProposing)
        {
            return;
        }

        _isProposing = false;
        if (nothingChanged)
        {
            _proposals.RemoveAt(_proposals.Count - 1);
            Commit();
        }
    }

    /// <summary>The state that goes with a <see cref="ReplicaMessage.Snapshot"/> was read from the disk, and is as of another record than the one that was asked for.</summary>
    /// <param name="node">To whom it goes.</param>
    /// <param name="session">The follower's session.</param>
    /// <param name="last">Index of the last record that is in it; committed, and at the end of the snapshot such that the log has all behind it.</param>
    public void HandleSnapshotRead(string node, long session, ulong last)
    {
        if (CurrentRole == Role.Leading && _followers.TryGetValue(node, out var progress) && progress.Session == session && progress.IsInstalling)
        {
            progress.Sent = last;
        }
    }

    /// <summary>
    /// Records for a follower are gone before they could be sent. It hears nothing more of this session, asks again, and gets what there is instead: it would wait for them for ever
    /// otherwise, and this replica for it.
    /// </summary>
    /// <param name="node">For whom they were.</param>
    /// <param name="session">The follower's session.</param>
    public void HandleNotSent(string node, long session)
    {
        if (CurrentRole == Role.Leading && _followers.TryGetValue(node, out var progress) && progress.Session == session)
        {
            _followers.Remove(node);
        }
    }

    private void Lead()
    {
        Invariant.That(_assignment!.InSync.Contains(_self) && !_isInstalling, "who leads is in sync");
        CurrentRole = Role.Leading;
        IsServing = false;
        _leadsSince = _gaveWayAt = _now;
        _startIndex = _log.Last + 1;
        _log.Append(Epoch, 1);
        _endAtTick = _startIndex;
        Emit(new ReplicaEffect.WriteStart(_startIndex, Epoch));
        foreach (var (node, follow) in _early.Where(e => e.Value.Epoch == Epoch).ToList())
        {
            HandleFollow(node, follow);
        }

        _early.Clear();
    }

    private void HandleInSyncChanged()
    {
        if (_assignment!.Leader != _life)
        {
            GiveUpRole();
            return;
        }

        _proposals.Clear(); // they were to change an assignment that is no longer the one
        _isProposing = false;
        foreach (var node in _followers.Keys.Where(n => !_assignment.Replicas.Contains(n) && _assignment.InSync.All(r => r.Node != n)).ToList())
        {
            _followers.Remove(node);
        }

        Commit();
    }

    private void HandleFollow(string from, ReplicaMessage.Follow message)
    {
        if (message.Life.Node != from || message.Replica.Node != from || !(_assignment!.Replicas.Contains(from) || _assignment.InSync.Contains(message.Replica)))
        {
            return;
        }

        var caughtUpAt = _followers.TryGetValue(from, out var before) ? before.CaughtUpAt : _now;
        var progress = new FollowerProgress(message.Life, message.Replica, message.Session, caughtUpAt);
        _followers[from] = progress;
        var common = _log.CommonEnd(message.Log);
        if (common + 1 >= _log.First)
        {
            progress.Sent = common;
            Emit(new ReplicaEffect.Send(from, new ReplicaMessage.Align(Epoch, message.Session, common)));
            SendRecords(from, progress);
        }
        else
        {
            progress.IsInstalling = true;
            progress.Sent = CommittedIndex;
            Emit(new ReplicaEffect.Send(from, new ReplicaMessage.Snapshot(Epoch, message.Session, _log.UpTo(CommittedIndex))));
        }
    }

    private void HandleAcknowledge(string from, ReplicaMessage.Acknowledge message)
    {
        if (!_followers.TryGetValue(from, out var progress) || progress.Session != message.Session)
        {
            return;
        }

        Invariant.That(message.Certain <= progress.Sent, $"shard {_shard}: the replica on '{from}' acknowledges what it was not sent");
        if (progress.IsInstalling && message.Certain == progress.Sent)
        {
            progress.IsInstalling = false;
        }

        progress.Certain = Math.Max(progress.Certain, message.Certain);
        if (progress.Certain >= _endAtTick)
        {
            progress.CaughtUpAt = _now;
        }

        SendRecords(from, progress);
        Commit();
    }

    /// <summary>
    /// What was on its way to a follower is lost, and the follower need not know of it: its own link to this node may have been up all the time. If it has more than it has acknowledged, it
    /// notices, and asks again.
    /// </summary>
    private void SendAgain(string node)
    {
        if (!_followers.TryGetValue(node, out var progress))
        {
            return;
        }

        if (progress.IsInstalling || progress.Certain == 0)
        {
            _followers.Remove(node); // whether it knows how its log and this one fit together is not known: it asks again
            return;
        }

        progress.Sent = progress.Certain;
        SendRecords(node, progress);
    }

    private void SendRecords()
    {
        foreach (var (node, progress) in _followers)
        {
            SendRecords(node, progress);
        }
    }

    private void SendRecords(string node, FollowerProgress progress)
    {
        var last = Math.Min(_log.Last, progress.Certain + (ulong)_options.MaxUnacknowledged);
        if (progress.IsInstalling || last <= progress.Sent)
        {
            return;
        }

        if (progress.Sent + 1 < _log.First)
        {
            _followers.Remove(node); // it was too slow: what it lacks is gone meanwhile. It hears nothing more, asks again, and gets a snapshot
            return;
        }

        var first = progress.Sent + 1;
        progress.Sent = last;
        progress.ToldCommitted = CommittedIndex;
        progress.ToldAt = _now;
        Emit(new ReplicaEffect.Send(node, new ReplicaMessage.Records(Epoch, progress.Session, first, _log.Runs(first, last), CommittedIndex)));
    }

    /// <summary>Everybody who is in the in-sync set, or may be, has to have a record for it to be committed, and that must be enough of them.</summary>
    private void Commit()
    {
        if (_assignment!.InSync.Count < _options.MinInSync)
        {
            return; // it began with fewer: as the first node of a cluster, or by an operator's order
        }

        var index = CertainIndex;
        LowerToSlowest(ref index, _assignment.InSync);
        for (var i = 0; i < _proposals.Count; i++)
        {
            LowerToSlowest(ref index, _proposals[i]);
        }

        if (index < _startIndex)
        {
            return; // what earlier epochs have left is committed with the first record of this one, not by itself
        }

        NoteCommitted(index);
        if (!IsServing)
        {
            IsServing = true;
            Emit(new ReplicaEffect.BeginLeading(Epoch));
        }
    }

    private void LowerToSlowest(ref ulong index, IReadOnlyList<ReplicaId> members)
    {
        for (var i = 0; i < members.Count; i++)
        {
            var member = members[i];
            if (member != _self)
            {
                index = Math.Min(index, _followers.TryGetValue(member.Node, out var progress) && progress.Replica == member ? progress.Certain : 0);
            }
        }
    }

    private void Tick()
    {
        foreach (var (node, progress) in _followers)
        {
            if (progress.Certain >= _endAtTick)
            {
                progress.CaughtUpAt = _now;
            }

            // An idle shard says no more than it must for its followers not to ask: there are many of them.
            if (!progress.IsInstalling && (progress.ToldCommitted != CommittedIndex || progress.Certain < _log.Last || _now - progress.ToldAt >= _options.MaxSilence / 3))
            {
                progress.ToldCommitted = CommittedIndex;
                progress.ToldAt = _now;
                Emit(new ReplicaEffect.Send(node, new ReplicaMessage.Beat(Epoch, progress.Session, CommittedIndex)));
            }
        }

        ProposeInSync();
        GiveWayIfAlone();
        _endAtTick = _log.Last;
    }

    /// <summary>
    /// Proposals whose outcome is not known are no reason to wait: one that has taken place, or will, makes the revision a past one; and who leads next is a member of the set that is, which has
    /// all that was committed, whatever was proposed.
    /// </summary>
    private void GiveWayIfAlone()
    {
        var members = _assignment!.InSync;
        var unreached = members.Count(m => m != _self && IsLinkDown(m.Node, _options.MaxAlone));
        if (!_isProposing && unreached > 0 && members.Count - unreached < _options.MinInSync && _now - _gaveWayAt > _options.MaxAlone)
        {
            _gaveWayAt = _now;
            Emit(new ReplicaEffect.GiveWay(_revision));
        }
    }

    private void ProposeInSync()
    {
        if (_isProposing)
        {
            return;
        }

        var assignment = _assignment!;
        var staying = assignment.InSync.Where(m => m == _self || !IsLagging(m)).ToList();
        if (staying.Count < assignment.InSync.Count && staying.Count >= _options.MinInSync) // with fewer, one that loses what it had could make others lose it: rather wait
        {
            Propose(assignment with { InSync = staying }, added: null);
            return;
        }

        var joining = _followers.Values.FirstOrDefault(f =>
            assignment.Replicas.Contains(f.Replica.Node) && !assignment.InSync.Contains(f.Replica) && !_linkDownSince.ContainsKey(f.Replica.Node)
            && !f.IsInstalling && f.Certain >= Math.Max(CommittedIndex, _startIndex) && f.Certain >= _endAtTick); // before the start is all that may be committed
        if (joining is not null)
        {
            var others = assignment.InSync.Where(m => m.Node != joining.Replica.Node); // an earlier store of that node is gone for good
            Propose(assignment with { InSync = [.. others, joining.Replica] }, joining.Life);
        }
    }

    private void Propose(ShardAssignment to, NodeLife? added)
    {
        _isProposing = true;
        _proposals.Add(to.InSync);
        Emit(new ReplicaEffect.Propose(_revision, to, added));
    }

    private bool IsLagging(ReplicaId member)
    {
        if (_gone.Contains(member.Node))
        {
            return true;
        }

        if (IsLinkDown(member.Node, _options.MaxLinkDown))
        {
            return true;
        }

        var caughtUpAt = _followers.TryGetValue(member.Node, out var progress) && progress.Replica == member ? progress.CaughtUpAt : _leadsSince;
        return _now - caughtUpAt > _options.MaxLag;
    }

    /// <summary>Whether the link to a node has been down for longer than some time, all of which this replica has led.</summary>
    private bool IsLinkDown(string node, TimeSpan time) =>
        _linkDownSince.TryGetValue(node, out var since) && _now - TimeSpan.FromTicks(Math.Max(since.Ticks, _leadsSince.Ticks)) > time;
}
