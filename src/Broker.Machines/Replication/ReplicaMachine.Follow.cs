namespace Broker.Machines.Replication;

/// <summary>Following.</summary>
public sealed partial class ReplicaMachine
{
    private long _session; // counts up within this life, from a number that is its own
    private TimeSpan _heardAt;
    private bool _isAligned; // in this session
    private bool _isInstalling; // until it is done, there is no log to speak of
    private long _installEpoch;
    private bool _isRefusing; // this epoch's leader
    private ulong _leaderCommitted;

    /// <summary>The state that came with a snapshot is on the disk, in the place of the log.</summary>
    /// <param name="log">What it stands for.</param>
    /// <param name="now">Time since some moment.</param>
    public void HandleInstalled(Lineage log, TimeSpan now)
    {
        _now = now;
        _log = log.UpTo(log.Last);
        _log.ForgetBefore(log.Last + 1);
        CertainIndex = log.Last;
        NoteCommitted(log.Last);
        _isInstalling = false;
        if (CurrentRole != Role.Following)
        {
            TakeRoleNow();
        }
        else if (_installEpoch == Epoch)
        {
            _isAligned = true;
            Acknowledge();
        }
        else
        {
            Follow(); // another leader since
        }
    }

    /// <summary>The state that was to come with a snapshot did not come as a whole: this replica is empty now, and begins anew.</summary>
    /// <param name="now">Time since some moment.</param>
    public void HandleInstallFailed(TimeSpan now)
    {
        Invariant.That(_isInstalling, "what fails is under way");
        _now = now;
        _log = new Lineage();
        CertainIndex = CommittedIndex = 0; // it is not in sync: what it has seen as committed others have
        _isInstalling = false;
        if (CurrentRole == Role.Following)
        {
            Follow();
        }
        else
        {
            TakeRoleNow();
        }
    }

    /// <summary>
    /// If this node is to have no replica of the shard any more, begins to give up what it has: the owner deletes it, and calls <see cref="HandleInstallFailed"/> when nothing is left.
    /// It would keep the node's log from being given up for ever otherwise.
    /// </summary>
    /// <returns><c>false</c> if it is wanted, or has nothing.</returns>
    public bool TryGiveUp()
    {
        if (_isInstalling || CurrentRole != Role.Idle || CertainEpoch < Epoch || _log.Last == 0 || _assignment is not { } assignment
            || assignment.Replicas.Contains(_self.Node) || assignment.InSync.Any(r => r.Node == _self.Node))
        {
            return false;
        }

        _isInstalling = true;
        return true;
    }

    /// <summary>What it installed was in the way of leading, if it is to.</summary>
    private void TakeRoleNow()
    {
        if (_assignment is not null && CertainEpoch == Epoch)
        {
            TakeRole();
        }
    }

    /// <summary>Begins to follow, or begins again: whatever was on its way counts no more.</summary>
    private void Follow()
    {
        if (_isInstalling || _isRefusing)
        {
            return;
        }

        _session++;
        _isAligned = false;
        _heardAt = _now;
        _leaderCommitted = 0;
        Emit(new ReplicaEffect.Send(
            _assignment!.Leader!.Value.Node, new ReplicaMessage.Follow(Epoch, _session, _life, _self, _log.UpTo(_log.Last))));
    }

    private void HandleFromLeader(ReplicaMessage message)
    {
        if (_isAligned || message is ReplicaMessage.Align or ReplicaMessage.Snapshot)
        {
            _heardAt = _now;
        }

        switch (message)
        {
            case ReplicaMessage.Align m:
                Align(m.CommonEnd);
                break;
            case ReplicaMessage.Snapshot m when Lacks(m.Log):
                Refuse(Math.Max(_log.CommonEnd(m.Log) + 1, _log.Eras[0].First));
                break;
            case ReplicaMessage.Snapshot m:
                _isInstalling = true;
                _installEpoch = Epoch;
                Emit(new ReplicaEffect.Install(m.Log));
                break;
            case ReplicaMessage.Records m when _isAligned:
                Write(m);
                break;
            case ReplicaMessage.Beat m when _isAligned:
                _leaderCommitted = Math.Max(_leaderCommitted, m.Committed);
                Acknowledge();
                break;
            default:
                break;
        }
    }

    private void Align(ulong commonEnd)
    {
        if (commonEnd < CommittedIndex)
        {
            Refuse(commonEnd + 1);
            return;
        }

        if (commonEnd < _log.Last)
        {
            _log.CutFrom(commonEnd + 1);
            CertainIndex = Math.Min(CertainIndex, commonEnd);
            Emit(new ReplicaEffect.Cut(commonEnd + 1));
        }

        _isAligned = true;
        Acknowledge();
    }

    /// <summary>Not a race: the leader was made one by force, or its disk has lost records.</summary>
    private void Refuse(ulong firstLost)
    {
        _isRefusing = true;
        Emit(new ReplicaEffect.Refuse(firstLost, CommittedIndex));
    }

    /// <summary>Whether what another log stands for lacks something that is committed here, as far as eras tell: those that a log has given up are not known.</summary>
    private bool Lacks(Lineage other)
    {
        var (mine, theirs) = (_log.EpochOf(CommittedIndex), other.EpochOf(CommittedIndex));
        return other.Last < CommittedIndex || (mine != 0 && theirs != 0 && mine != theirs);
    }

    private void Write(ReplicaMessage.Records message)
    {
        if (message.First != _log.Last + 1)
        {
            Follow(); // the link broke, and came up again before anybody had noticed
            return;
        }

        foreach (var run in message.Runs)
        {
            _log.Append(run.Epoch, run.Count);
        }

        _leaderCommitted = Math.Max(_leaderCommitted, message.Committed);
        Emit(new ReplicaEffect.Write(message.First, message.Runs));
        NoteCommitted(Math.Min(_leaderCommitted, CertainIndex));
    }

    private void Acknowledge()
    {
        if (!_isAligned)
        {
            return; // what is on the disk may not be what the leader has
        }

        NoteCommitted(Math.Min(_leaderCommitted, CertainIndex));
        Emit(new ReplicaEffect.Send(_assignment!.Leader!.Value.Node, new ReplicaMessage.Acknowledge(Epoch, _session, CertainIndex)));
    }
}
