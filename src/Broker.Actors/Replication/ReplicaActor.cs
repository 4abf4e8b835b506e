using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Machines.Cluster;
using Broker.Machines.Replication;
using Broker.Storage.Log;

namespace Broker.Actors.Replication;

/// <summary>
/// This node's replica of one shard, leader or follower. It carries out what <see cref="ReplicaMachine"/> decides: records go to the node's log and to the other replicas, and what is committed
/// goes into the ledgers of the shard's queues. While it leads and serves, the ledgers are with the actors of the queues, which log through this one.
/// </summary>
/// <remarks>
/// A leader that is deposed reads the shard from the disk anew: the ledgers that its queues had may have what was never committed. Until that is done it follows like any other, and carries
/// nothing out.
/// </remarks>
internal sealed partial class ReplicaActor : Actor
{
    /// <summary>Time between two ticks of the machine: signs of life to followers, and looks at who lags.</summary>
    public static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(100);

    private readonly NodeServices _node;
    private readonly NodeStorage _storage;
    private readonly ClusterServices _cluster;
    private readonly int _shard;
    private readonly long _start;
    private readonly RecoveredShard? _recovered;
    private readonly List<ReplicaMessages.Append> _appending = [];
    private ReplicaMachine? _machine; // from the first assignment on
    private ShardAssignment? _assignment;
    private NodeLife? _nextLife;
    private long _servingEpoch; // 0: it does not serve
    private long _beginning; // epoch that the machine began to lead in, while the ledgers are not there yet; 0: none
    private ulong _committed; // as the machine has said

    /// <param name="node">The node.</param>
    /// <param name="storage">Its store.</param>
    /// <param name="cluster">What its actors share.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="recovered">What the disk has of it; <c>null</c> for nothing.</param>
    public ReplicaActor(NodeServices node, NodeStorage storage, ClusterServices cluster, int shard, RecoveredShard? recovered)
    {
        _node = node;
        _storage = storage;
        _cluster = cluster;
        _shard = shard;
        _recovered = recovered;
        _start = node.Options.TimeProvider.GetTimestamp();
    }

    private TimeSpan Now => _node.Options.TimeProvider.GetElapsedTime(_start);

    private ShardHost Host => _cluster.Hosts[_shard];

    private bool IsServing => _servingEpoch > 0;

    protected override void PreStart()
    {
        _disk = new DiskClient(Self);
        if (_recovered is { } recovered)
        {
            Restore(recovered);
        }

        _cluster.Replication.Register(_shard, Self);
        _cluster.Links.Subscribe(Self);
        Context.Timers.StartPeriodic(ReplicaMessages.Tick.Instance, ReplicaMessages.Tick.Instance, TickInterval);
        Context.Describe(() => _description);
    }

    protected override void PostStop()
    {
        _cluster.Replication.Remove(_shard, Self);
        EndServing("this node's replica of the shard has ended");
    }

    protected override void Receive(object message)
    {
        switch (message)
        {
            case ReplicaMessages.Append m:
                _appending.Add(m);
                return;
            case ShardMessage m:
                HandleShardMessage(m);
                break;
            case ReplicaMessages.OnDisk m:
                HandleOnDisk(m.Last);
                break;
            case ReplicaMessages.Tick:
                HandleTick();
                break;
            case ReplicaCommand m:
                HandleCommand(m);
                break;
            case ReplicaMessages.ForQueue m:
                HandleForQueue(m);
                break;
            case ReplicaMessages.Rebuilt m:
                HandleRebuilt(m);
                break;
            case ReplicaMessages.SnapshotWritten m:
                HandleSnapshotWritten(m.Install);
                break;
            case ReplicaMessages.LogFailed m:
                HandleLogFailed(m.Reason);
                break;
            case ReplicaMessages.JobFailed m:
                HandleJobFailed(m);
                break;
            default:
                HandleLinkMessage(message);
                break;
        }

        Carry();
    }

    protected override void AfterBatch()
    {
        AppendPending();
        Release();
        foreach (var peer in _peers.Values)
        {
            Pump(peer);
        }

        TendQueues();
        RebuildIfNeeded();
    }

    private void HandleCommand(ReplicaCommand command)
    {
        switch (command)
        {
            case ReplicaCommand.Assigned m:
                HandleAssigned(m.Assignment, m.Revision);
                break;
            case ReplicaCommand.NewLife m when _machine is not null:
                _nextLife = m.Life;
                BeginNextLife();
                break;
            case ReplicaCommand.NewLife:
                break; // its first assignment finds it
            case ReplicaCommand.ProposalFailed m:
                _machine?.HandleProposalFailed(m.Revision, m.NothingChanged);
                break;
            case ReplicaCommand.Checkpoint m:
                HandleCheckpoint(m);
                break;
            case ReplicaCommand.Describe:
                Sender.Tell(Status(), Self);
                break;
            default:
                Unhandled(command);
                break;
        }
    }

    private void HandleAssigned(ShardAssignment assignment, long revision)
    {
        AppendPending(); // what came before is to be judged by what was so then
        _assignment = assignment;
        if (_machine is null)
        {
            _machine = Begin(_cluster.Identity.Life, _recovered?.Epoch ?? 0, _recovered?.Log.UpTo(_recovered.Log.Last) ?? new Lineage(), _recovered?.Committed ?? 0);
            foreach (var (node, follow) in _early)
            {
                _machine.HandleMessage(node, follow, Now); // kept until it leads
            }

            _early.Clear();
        }

        _machine.HandleAssignment(assignment, revision, Now);
        _lastAssigned = revision;
    }

    private long _lastAssigned;

    /// <summary>
    /// In another life it is another replica as far as leading goes, with the same log. The machine of the next life takes what is on the disk for its own, so what is on its way must have arrived.
    /// </summary>
    private void BeginNextLife()
    {
        if (_nextLife is not { } life || _machine is not { } machine || _writing.Count > 0 || _install is not null)
        {
            return;
        }

        _nextLife = null;
        EndServing($"node '{life.Node}' was taken for dead, and begins anew");
        _machine = Begin(life, machine.CertainEpoch, machine.Log, machine.CommittedIndex);
        if (_assignment is { } assignment)
        {
            _machine.HandleAssignment(assignment, _lastAssigned, Now);
        }
    }

    /// <summary>The machine of a life, which knows what is on the disk and which links are up.</summary>
    private ReplicaMachine Begin(NodeLife life, long epoch, Lineage log, ulong committed)
    {
        var machine = new ReplicaMachine(_shard, life, _cluster.Identity.Store, _cluster.Options.Replication, epoch, log, committed);
        foreach (var peer in _peers.Values)
        {
            machine.HandleLink(peer.Node, peer.IsUp, Now, peer.IsGone);
        }

        return machine;
    }

    private void AppendPending()
    {
        if (_appending.Count == 0)
        {
            return;
        }

        var accepted = new List<QueueLogRecord>(_appending.Count);
        foreach (var append in _appending)
        {
            if (append.Epoch == _servingEpoch && _machine!.IsServing)
            {
                accepted.Add(append.Record);
            }
            else
            {
                append.Record.Owner!.OnFailed(new LogFailure(NoLeader));
            }
        }

        _appending.Clear();
        if (accepted.Count == 0)
        {
            return;
        }

        var index = _machine!.Append(accepted.Count);
        foreach (var record in accepted)
        {
            record.Client = _disk;
            record.SetReplicated(index, _servingEpoch, _committed);
            WriteRecord(record, index++, _servingEpoch);
        }

        Carry();
    }

    private const string NoLeader = "this node does not lead its shard any more";

    /// <summary>Does what the machine asks for.</summary>
    private void Carry()
    {
        while (_machine is { } machine && machine.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case ReplicaEffect.StoreEpoch e:
                    WriteState(new DiskNote(Epoch: e.Epoch));
                    break;
                case ReplicaEffect.WriteStart e:
                    WriteRecord(new EpochStartRecord(_disk, _shard, e.Index, e.Epoch, _committed), e.Index, e.Epoch);
                    break;
                case ReplicaEffect.Write e:
                    WriteArrived(e);
                    break;
                case ReplicaEffect.Cut e:
                    Cut(e.From);
                    break;
                case ReplicaEffect.Install e:
                    BeginInstall(e.Log);
                    break;
                case ReplicaEffect.Send e:
                    Send(e.Node, e.Message);
                    break;
                case ReplicaEffect.Committed e:
                    _committed = e.Index;
                    break;
                case ReplicaEffect.BeginLeading e:
                    _beginning = e.Epoch;
                    break; // once everything committed is carried out
                case ReplicaEffect.EndLeading:
                    EndServing(NoLeader);
                    break;
                case ReplicaEffect.Refuse e:
                    _storage.Notice(
                        StoreNoticeSeverity.Error,
                        $"shard {_shard}: its leader lacks records {e.FirstLost} to {e.LastLost}, which were committed and are here; this replica does not follow it");
                    break;
                case ReplicaEffect.Propose e:
                    _cluster.Cluster.Tell(new ClusterCommand.Propose(e.Revision, e.To, e.Added), Self);
                    break;
                case ReplicaEffect.GiveWay e:
                    _cluster.Cluster.Tell(new ClusterCommand.GiveWay(_shard, e.Revision), Self);
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException($"replica effect {effect}");
            }
        }
    }

    private void HandleTick()
    {
        if (_machine is not { } machine)
        {
            return;
        }

        var start = _storage.Log.StartPosition;
        var first = _records.First;
        while (!_mustRebuild && first <= _applied && _records.Has(first) && _records[first].Position >= 0 && _records[first].Position < start)
        {
            first++;
        }

        if (first > _records.First)
        {
            _records.ForgetBefore(first);
            machine.HandleRetired(first);
        }

        BeginStreams();
        CheckInstall();
        GiveUpIfUnwanted();
        BeginNextLife();
        _machine.HandleTick(Now);
        Describe();
    }

    private ReplicaStatus Status()
    {
        if (_machine is not { } machine || _assignment is not { } assignment)
        {
            return new ReplicaStatus(_shard, "none", 0, 0, 0, 0, []);
        }

        var leads = assignment.Leader == _cluster.Identity.Life;
        var followers = leads
            ? machine.Followers.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => new FollowerStatus(
                f.Key, f.Value, assignment.InSync.Any(r => r.Node == f.Key), _peers.TryGetValue(f.Key, out var peer) && peer.IsUp))
            : [];
        var role = leads ? IsServing ? "leader" : "candidate"
            : _install is not null ? "installing"
            : assignment.Replicas.Contains(_node.Options.NodeId) || assignment.InSync.Any(r => r.Node == _node.Options.NodeId) ? "follower"
            : "none";
        return new ReplicaStatus(_shard, role, machine.Epoch, machine.Log.Last, machine.CertainIndex, machine.CommittedIndex, [.. followers]);
    }

    private string _description = "not assigned";

    private void Describe()
    {
        if (_machine is { } machine)
        {
            var role = IsServing ? "serves" : machine.Assignment?.Leader is { } leader && leader != _cluster.Identity.Life ? $"follows {leader.Node}" : "does not serve";
            _description = $"{role}, epoch {machine.Epoch}, {machine.CommittedIndex} of {machine.Log.Last} committed";
        }
    }
}
