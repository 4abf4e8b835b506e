using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>
/// One replica of a shard's log, leader or follower as the cluster's metadata says. A record is committed when every member of the in-sync set has it on its disk; the set changes by
/// compare-and-swap alone, and so does the leader, with a new epoch each time. Replicas put an epoch on their disk before they act under it, and take nothing of a lower one, so a leader that
/// does not know yet that it is none any more cannot commit.
/// </summary>
/// <remarks>
/// Pure: the owner calls <c>Handle...</c> with what has happened, in order, then carries out what <see cref="TryTakeEffect"/> gives, in order. It knows indexes and epochs, not what is in
/// records. Of a crash it keeps what is on the disk: the epoch, the lineage of the records that are there, and a lower bound of what was committed.
/// </remarks>
public sealed partial class ReplicaMachine
{
    private readonly int _shard;
    private readonly NodeLife _life;
    private readonly ReplicaId _self;
    private readonly ReplicaOptions _options;
    private readonly Queue<ReplicaEffect> _effects = new();
    private readonly Dictionary<string, TimeSpan> _linkDownSince = []; // by node
    private readonly HashSet<string> _gone = []; // of these: who is known to have ended
    private Lineage _log;
    private ShardAssignment? _assignment;
    private long _revision;
    private TimeSpan _now;

    /// <summary>The replica after a start.</summary>
    /// <param name="shard">Its shard.</param>
    /// <param name="life">This life of its node.</param>
    /// <param name="store">Number of the store that it is kept in.</param>
    /// <param name="options">The same on all nodes.</param>
    /// <param name="epoch">The epoch that is on the disk; 0 if none is.</param>
    /// <param name="log">The records that are on the disk.</param>
    /// <param name="committed">Index of the last record that was known to be committed, or a lower one.</param>
    public ReplicaMachine(int shard, NodeLife life, Guid store, ReplicaOptions options, long epoch, Lineage log, ulong committed)
    {
        Invariant.That(log.LastEpoch <= epoch && committed <= log.Last, "a replica has nothing of epochs that it has not seen");
        _shard = shard;
        _life = life;
        _self = new ReplicaId(life.Node, store);
        _options = options;
        _log = log;
        Epoch = epoch;
        CertainEpoch = epoch;
        CertainIndex = log.Last;
        CommittedIndex = committed;
        _session = (long)((ulong)life.Incarnation % (1UL << 40)) << 20; // what an earlier life has said may still be on its way, and is not to be taken for this one's
    }

    private enum Role
    {
        Idle,
        Following,
        Leading,
    }

    /// <summary>The highest epoch that it knows of.</summary>
    public long Epoch { get; private set; }

    /// <summary>The highest epoch that is on its disk; it acts under no other.</summary>
    public long CertainEpoch { get; private set; }

    /// <summary>Its log, with what is on its way to the disk.</summary>
    public Lineage Log => _log;

    /// <summary>Index of the last record that is on its disk with all before it.</summary>
    public ulong CertainIndex { get; private set; }

    /// <summary>Index of the last record that it knows to be committed. It has all of them on its disk.</summary>
    public ulong CommittedIndex { get; private set; }

    /// <summary>Whether it leads, and all that an earlier leader may have committed is committed: records may be appended.</summary>
    public bool IsServing { get; private set; }

    /// <summary>The assignment that it acts on.</summary>
    public ShardAssignment? Assignment => _assignment;

    private Role CurrentRole { get; set; }

    /// <summary>Takes the next effect.</summary>
    public bool TryTakeEffect(out ReplicaEffect effect) => _effects.TryDequeue(out effect!);

    /// <summary>The cluster has agreed on something about the shard. Revisions that are not newer than the last one are ignored, and so are epochs lower than one that was seen.</summary>
    /// <param name="assignment">The whole of it.</param>
    /// <param name="revision">Its revision in the metadata store.</param>
    /// <param name="now">Time since some moment.</param>
    public void HandleAssignment(ShardAssignment assignment, long revision, TimeSpan now)
    {
        Invariant.That(assignment.Shard == _shard, "a replica is of one shard");
        _now = now;
        if (revision <= _revision)
        {
            return;
        }

        _revision = revision;
        if (assignment.Epoch < Epoch)
        {
            return; // the metadata store was set back, or is another one: until epochs are higher again, nothing can be done
        }

        _assignment = assignment;
        if (assignment.Epoch > Epoch)
        {
            GiveUpRole();
            Epoch = assignment.Epoch;
            Emit(new ReplicaEffect.StoreEpoch(Epoch));
        }
        else if (CurrentRole == Role.Leading)
        {
            HandleInSyncChanged();
        }
        else if (CertainEpoch == Epoch)
        {
            TakeRole(); // after a start, or it is to have a replica now
        }
    }

    /// <summary>An epoch is on the disk.</summary>
    public void HandleEpochCertain(long epoch, TimeSpan now)
    {
        _now = now;
        CertainEpoch = Math.Max(CertainEpoch, epoch);
        if (epoch == Epoch && CurrentRole == Role.Idle)
        {
            TakeRole();
        }
    }

    /// <summary>A record is on the disk, and all before it are. One that was cut off meanwhile may be named too.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="epoch">The epoch that it was written in.</param>
    /// <param name="now">Time since some moment.</param>
    public void HandleCertain(ulong index, long epoch, TimeSpan now)
    {
        _now = now;
        if (index <= CertainIndex || _log.EpochOf(index) != epoch)
        {
            return;
        }

        CertainIndex = index;
        switch (CurrentRole)
        {
            case Role.Leading:
                Commit();
                break;
            case Role.Following:
                Acknowledge();
                break;
            default:
                break;
        }
    }

    /// <summary>Records before an index are no longer kept: their state is elsewhere.</summary>
    /// <param name="first">Not above what is committed.</param>
    public void HandleRetired(ulong first)
    {
        Invariant.That(first <= CommittedIndex + 1, "what is not committed is kept");
        _log.ForgetBefore(first);
    }

    /// <summary>The link to a node has come up, or broken.</summary>
    /// <param name="node">The node.</param>
    /// <param name="isUp">Whether it has come up.</param>
    /// <param name="now">Time since some moment.</param>
    /// <param name="isGone">It broke because the node's process has ended: there is nothing to wait for before the in-sync set goes on without it.</param>
    public void HandleLink(string node, bool isUp, TimeSpan now, bool isGone = false)
    {
        _now = now;
        var hasChanged = isUp ? _linkDownSince.Remove(node) : _linkDownSince.TryAdd(node, now);
        if (isUp || !isGone)
        {
            _gone.Remove(node);
        }
        else if (_gone.Add(node) && CurrentRole == Role.Leading)
        {
            ProposeInSync();
        }

        if (hasChanged && isUp && CurrentRole == Role.Following && node == _assignment!.Leader!.Value.Node)
        {
            Follow(); // what was on its way is lost
        }
        else if (hasChanged && isUp && CurrentRole == Role.Leading)
        {
            SendAgain(node);
        }
    }

    /// <summary>Time has passed. To be called every 100 ms or so.</summary>
    public void HandleTick(TimeSpan now)
    {
        _now = now;
        switch (CurrentRole)
        {
            case Role.Leading:
                Tick();
                break;
            case Role.Following when _now - _heardAt > _options.MaxSilence:
                Follow();
                break;
            default:
                break;
        }
    }

    /// <summary>Another replica has sent something.</summary>
    /// <param name="from">Node of the sender, as its certificate has it.</param>
    /// <param name="message">What.</param>
    /// <param name="now">Time since some moment.</param>
    public void HandleMessage(string from, ReplicaMessage message, TimeSpan now)
    {
        _now = now;
        if (message is ReplicaMessage.Follow follow && (CurrentRole != Role.Leading || message.Epoch > Epoch))
        {
            _early[from] = follow; // its watch was quicker, or its disk
        }

        if (message.Epoch > Epoch)
        {
            if (CurrentRole == Role.Leading)
            {
                GiveUpRole(); // somebody was elected since; the assignment says so soon
            }

            return;
        }

        if (message.Epoch < Epoch || CertainEpoch < Epoch)
        {
            return;
        }

        switch (message)
        {
            case ReplicaMessage.Follow m when CurrentRole == Role.Leading:
                HandleFollow(from, m);
                break;
            case ReplicaMessage.Acknowledge m when CurrentRole == Role.Leading:
                HandleAcknowledge(from, m);
                break;
            case ReplicaMessage.Follow or ReplicaMessage.Acknowledge:
                break;
            default:
                if (CurrentRole == Role.Following && from == _assignment!.Leader!.Value.Node && message.Session == _session)
                {
                    HandleFromLeader(message);
                }

                break;
        }
    }

    private void TakeRole()
    {
        var assignment = _assignment!;
        if (assignment.Leader == _life && _isInstalling)
        {
            CurrentRole = Role.Idle; // an operator has ordered it: there is nothing to lead with before that has ended
        }
        else if (assignment.Leader == _life)
        {
            Lead();
        }
        else if (assignment.Leader is { } leader && leader.Node != _life.Node && (assignment.Replicas.Contains(_self.Node) || assignment.InSync.Contains(_self)))
        {
            if (CurrentRole != Role.Following)
            {
                CurrentRole = Role.Following;
                Follow();
            }
        }
        else
        {
            CurrentRole = Role.Idle; // nobody leads, or a life of this node that is over, or there is to be no replica here
        }
    }

    private void GiveUpRole()
    {
        if (CurrentRole == Role.Leading && IsServing)
        {
            Emit(new ReplicaEffect.EndLeading(Epoch));
        }

        CurrentRole = Role.Idle;
        IsServing = false;
        _isRefusing = false;
        _followers.Clear();
        _proposals.Clear();
        _isProposing = false;
    }

    private void Emit(ReplicaEffect effect) => _effects.Enqueue(effect);

    private void NoteCommitted(ulong index)
    {
        if (index > CommittedIndex)
        {
            CommittedIndex = index;
            Emit(new ReplicaEffect.Committed(index));
        }
    }
}
