using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>
/// The office of the coordinator: who has it, and what it does. A coordinator that was replaced and does not know it yet changes nothing, for each of its transactions has the office's revision as
/// a condition.
/// </summary>
internal sealed partial class ClusterActor
{
    private static readonly TimeSpan s_otherDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_calm = TimeSpan.FromMinutes(1);
    private readonly RestartBackoff _takeovers = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
    private PlacementMachine? _machine; // while it has the office
    private long _office; // the office's revision
    private bool _isApplying;
    private bool _isDeciding;
    private bool _isLookDue;
    private int _decideFailures;
    private int _contests; // in a row, of an office that was taken from somebody
    private TimeSpan _contestedAt;
    private long _candidacyFor = -1; // the revision of the office that the timer is about

    private abstract record OfficeMessage;

    private sealed record Candidacy(long Office) : OfficeMessage;

    private sealed record Applied(MetadataCommit Commit, ReadOnlyMemory<byte> Value, long Before) : OfficeMessage;

    private sealed record ApplyFailed(Exception Reason) : OfficeMessage;

    private sealed record Look : OfficeMessage
    {
        public static readonly Look Instance = new();
    }

    private sealed record Decided(long Office, IReadOnlyList<Outcome> Outcomes) : OfficeMessage;

    /// <summary>What became of a decision: a commit or an exception.</summary>
    private sealed record Outcome(PlacementChange? Change, MetadataCommit? Commit, string Problem);

    private void Handle(OfficeMessage message)
    {
        switch (message)
        {
            case Candidacy m:
                Apply(m.Office);
                break;
            case Applied m:
                _isApplying = false;
                HandleApplied(m);
                break;
            case ApplyFailed m:
                _isApplying = false;
                Publish("coordinator", Name, $"it could not apply for the office: {m.Reason.Message}");
                Context.Timers.StartSingle(nameof(Candidacy), new Candidacy(-1), _retries.Delay(++_decideFailures, _random.NextDouble()));
                break;
            case Look:
                TakeLook();
                break;
            case Decided m:
                HandleDecided(m);
                break;
        }
    }

    /// <summary>Whether this node has the office, should give it up, or should apply for it now or in a while.</summary>
    private void ConsiderOffice()
    {
        var holder = _view.Coordinator;
        var holds = holder is not null && holder.Value == _life.Life && !_isOver && !_hasLeft;
        if (holds && _office != holder!.Revision)
        {
            _office = holder.Revision;
            _machine = new PlacementMachine(_options.Placement with { Shards = _cluster.Shards.Count });
            LookSoon();
        }
        else if (!holds && _machine is not null)
        {
            (_machine, _office) = (null, 0);
            if (holder is not null && !_isOver)
            {
                Contest(); // somebody thinks that this node is gone: it does not take the office back at once
            }
        }

        if (CandidacyDelay() is not { } delay)
        {
            Context.Timers.Cancel(nameof(Candidacy));
            _candidacyFor = -1;
        }
        else if (_candidacyFor != (holder?.Revision ?? 0) || !Context.Timers.IsActive(nameof(Candidacy)))
        {
            _candidacyFor = holder?.Revision ?? 0;
            Context.Timers.StartSingle(nameof(Candidacy), new Candidacy(_candidacyFor), delay);
        }
    }

    /// <summary>After how long this node should apply, if nothing changes; <c>null</c> if it should not.</summary>
    private TimeSpan? CandidacyDelay()
    {
        var state = _view.StateOf(Name);
        if (!_isRead || _isOver || _hasLeft || _isApplying || state == NodeState.Down)
        {
            return null;
        }

        var later = state == NodeState.Up ? TimeSpan.Zero : s_otherDelay;
        if (_view.Coordinator is not { Value: var holder })
        {
            return later;
        }

        if (holder.Node == Name)
        {
            return holder == _life.Life ? null : TimeSpan.Zero; // an earlier life's, which is over
        }

        var isThere = _view.IsRegistered(holder) && _view.IsAlive(holder.Node);
        if (isThere && !IsSuspected(holder.Node))
        {
            return null;
        }

        // Who reaches the lesser part of the nodes is cut off itself, more likely than all others.
        var (alive, reached) = CountNodes();
        if (isThere && reached * 2 <= alive)
        {
            return null;
        }

        if (Now - _contestedAt > s_calm)
        {
            _contests = 0;
        }

        var rank = _view.Nodes.Keys.Count(n => string.CompareOrdinal(n, Name) < 0 && n != holder.Node && IsReachable(n) && _view.StateOf(n) == NodeState.Up);
        var backoff = _contests == 0 ? TimeSpan.Zero : _takeovers.Delay(_contests, _random.NextDouble());
        return later + backoff + (_options.TakeoverTime * (rank + 1));
    }

    private void Contest() => (_contests, _contestedAt) = (_contests + 1, Now);

    private void Apply(long office)
    {
        var before = _view.Coordinator?.Revision ?? 0;
        if (CandidacyDelay() is null || (office >= 0 && office != before))
        {
            _candidacyFor = -1;
            ConsiderOffice();
            return;
        }

        _isApplying = true;
        ReadOnlyMemory<byte> value = ClusterValues.Write(_life.Life);
        var transaction = new MetadataTransaction
        {
            Conditions = [new MetadataCondition(ClusterKeys.Coordinator, before), new MetadataCondition(ClusterKeys.OfNode(Name), _life.Revision)],
            Operations = [MetadataOperation.Put(ClusterKeys.Coordinator, value, _life.Lease.Id)],
        };
        Context.PipeTo(_metadata.CommitAsync(transaction, _stopped.Token), commit => new Applied(commit, value, before), e => new ApplyFailed(e));
    }

    private void HandleApplied(Applied applied)
    {
        if (!applied.Commit.Succeeded)
        {
            Apply(applied.Commit.Current); // somebody else was quicker
            Context.Timers.StartSingle(nameof(Candidacy), new Candidacy(-1), s_otherDelay); // unless what is read until then says otherwise
            return;
        }

        _decideFailures = 0;
        if (applied.Before != 0)
        {
            Contest();
        }

        var revision = applied.Commit.Revision;
        Follow([Put(new MetadataValue(ClusterKeys.Coordinator, applied.Value, revision, revision, _life.Lease.Id))]);
    }

    private void LookSoon()
    {
        if (_machine is not null && !_isLookDue)
        {
            _isLookDue = true;
            Self.Tell(Look.Instance, Self);
        }
    }

    private void TakeLook()
    {
        _isLookDue = false;
        if (_machine is not { } machine || _isDeciding)
        {
            return; // after what is under way it looks again
        }

        var transactions = machine.Look(ViewOfPlacement(), Now).Select(c => ((PlacementChange?)c, TransactionOf(c))).ToList();
        var changed = transactions.Select(t => t.Item1!.To.Shard).ToHashSet();
        transactions.AddRange(IdleOrders(changed).Select(t => ((PlacementChange?)null, t)));
        PlanLook(machine);
        if (transactions.Count > 0)
        {
            _isDeciding = true;
            var office = _office;
            Context.PipeTo(
                Task.WhenAll(transactions.Select(t => DecideAsync(_metadata, t.Item1, t.Item2, _stopped.Token))),
                outcomes => new Decided(office, outcomes),
                e => new Decided(office, [new Outcome(null, null, e.Message)]));
        }
    }

    /// <summary>Looks again when the machine wants to, or when a node that was given time to be reached has had it.</summary>
    private void PlanLook(PlacementMachine machine)
    {
        var due = _peers.Values.Where(p => !p.IsUp && p.SuspiciousFrom > Now).Select(p => p.SuspiciousFrom).DefaultIfEmpty(TimeSpan.MaxValue).Min();
        if (machine.NextLook is { } next && next < due)
        {
            due = next;
        }

        if (due == TimeSpan.MaxValue)
        {
            Context.Timers.Cancel(nameof(Look));
        }
        else
        {
            var delay = due - Now;
            Context.Timers.StartSingle(nameof(Look), Look.Instance, delay > TimeSpan.Zero ? delay : TimeSpan.Zero);
        }
    }

    private PlacementView ViewOfPlacement()
    {
        // Who reaches the lesser part of the nodes doubts itself first, and takes nobody's lead because of a link.
        var (alive, reached) = CountNodes();
        var trustsItself = reached * 2 >= alive;
        return new PlacementView
        {
            Nodes = [.. _view.Names.Select(name => NodeOf(name) with { Suspected = trustsItself && IsSuspected(name) })],
            Assignments = [.. _view.Shards.Values.Where(s => s.Value.Shard < _cluster.Shards.Count).Select(s => s.Value)],
            EpochFloor = _view.EpochFloor,
            UncleanElections = [.. _view.Orders.Select(o => new UncleanElection(o.Key, o.Value.Value))],
        };
    }

    private ClusterNode NodeOf(string name)
    {
        var registered = _view.Nodes.GetValueOrDefault(name)?.Value;
        return new ClusterNode(name, registered?.Incarnation, registered?.Store ?? default) { Zone = _view.ZoneOf(name), State = _view.StateOf(name) };
    }

    private MetadataCondition Office => new(ClusterKeys.Coordinator, _office);

    private MetadataTransaction TransactionOf(PlacementChange change)
    {
        var key = ClusterKeys.OfShard(change.To.Shard);
        var revision = _view.Shards.TryGetValue(change.To.Shard, out var stored) ? stored.Revision : 0;
        List<MetadataCondition> conditions = [Office, new MetadataCondition(key, revision)];
        List<MetadataOperation> operations = [MetadataOperation.Put(key, ShardAssignmentCodec.Write(change.To))];
        if (change.Reason == PlacementReason.UncleanElection)
        {
            // Carried out once, and in the same moment.
            var order = ClusterKeys.OfUncleanElection(change.To.Shard);
            conditions.Add(new MetadataCondition(order, _view.Orders[change.To.Shard].Revision));
            operations.Add(MetadataOperation.Delete(order));
        }

        return new MetadataTransaction { Conditions = conditions, Operations = operations };
    }

    /// <summary>Takes out orders for shards that have a leader: they would strike when that one is gone, which nobody has ordered.</summary>
    private IEnumerable<MetadataTransaction> IdleOrders(HashSet<int> changed) =>
        from order in _view.Orders
        where !changed.Contains(order.Key) && _view.Shards.TryGetValue(order.Key, out var stored) && stored.Value.Leader is { } leader && _view.IsRegistered(leader)
        let key = ClusterKeys.OfUncleanElection(order.Key)
        select new MetadataTransaction { Conditions = [Office, new MetadataCondition(key, order.Value.Revision)], Operations = [MetadataOperation.Delete(key)] };

    private static async Task<Outcome> DecideAsync(IMetadataStore metadata, PlacementChange? change, MetadataTransaction transaction, CancellationToken stopped)
    {
        try
        {
            return new Outcome(change, await metadata.CommitAsync(transaction, stopped), "");
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return new Outcome(change, null, e.Message); // whether it took place shows in what is read
        }
    }

    private void HandleDecided(Decided decided)
    {
        _isDeciding = false;
        var problem = "";
        foreach (var outcome in decided.Outcomes)
        {
            if (outcome.Commit is null)
            {
                problem = outcome.Problem;
            }
            else if (!outcome.Commit.Succeeded)
            {
                Apply(outcome.Commit.Current);
            }
            else if (outcome.Change is { } change)
            {
                Publish("decided", $"shard {change.To.Shard}", $"{change.Reason}: {change.Detail}");
                Apply(change.To, outcome.Commit.Revision);
            }
        }

        if (problem.Length == 0)
        {
            _decideFailures = 0;
            LookSoon();
            return;
        }

        Publish("metadata", Name, $"decisions could not be stored, and are made again: {problem}");
        Context.Timers.StartSingle(nameof(Look), Look.Instance, _retries.Delay(++_decideFailures, _random.NextDouble()));
    }
}
