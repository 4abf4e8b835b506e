namespace Broker.Machines.Cluster;

/// <summary>
/// The coordinator's decisions: who has which shard, and who leads it. Pure: a look at the cluster gives changes, which are then tried by compare-and-swap. It remembers only when nodes
/// last came or went, who led, and when it rebalanced; everything else is in what it is shown, so another coordinator carries on where this one stopped, and a lost change needs nothing but
/// another look.
/// </summary>
/// <remarks>
/// <para>Look whenever the cluster has changed, after every lost or uncertain compare-and-swap, and at <see cref="NextLook"/>.</para>
/// <para>Invariants: an epoch has one leader; a leader comes out of the in-sync set, unless an operator orders otherwise; the coordinator never adds to the in-sync set, which is the
/// leader's to do, and never takes it below <see cref="PlacementOptions.MinInSync"/> replicas that are there.</para>
/// </remarks>
public sealed partial class PlacementMachine
{
    private readonly PlacementOptions _options;
    private List<NodeLife>? _lives; // of the last look
    private TimeSpan _livesSince;
    private readonly Dictionary<int, (long Epoch, NodeLife? Leader)> _leads = []; // by shard, as they are by its decisions
    private TimeSpan? _nextRebalance;
    private PlacementView? _view;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public PlacementMachine(PlacementOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>When to look again although nothing has changed; <c>null</c> if there is no need to.</summary>
    public TimeSpan? NextLook { get; private set; }

    /// <summary>What to change: one change a shard at most, in any order.</summary>
    /// <param name="view">The cluster.</param>
    /// <param name="now">Monotonic time, from any beginning; not before that of the look before.</param>
    /// <exception cref="ArgumentException">A node or a shard is in the view twice.</exception>
    public IReadOnlyList<PlacementChange> Look(PlacementView view, TimeSpan now)
    {
        ArgumentNullException.ThrowIfNull(view);
        var look = new PlacementLook(_options, view);
        _view = view;
        NextLook = null;
        NoteLives(look, now);
        NoteLeads(view, now);
        AssignFirst(look, view, now);
        foreach (var shard in look.Unchanged)
        {
            Elect(look, view, shard);
        }

        foreach (var shard in look.Unchanged)
        {
            _ = RepairInSync(look, shard) || DrainLeader(look, shard) || CarryMoveOn(look, shard, IsStill(now));
        }

        if (IsStill(now))
        {
            BeginMoves(look);
            Rebalance(look, now);
        }
        else
        {
            LookAgainAt(_livesSince + _options.StillTime);
        }

        foreach (var shard in look.Shards)
        {
            _leads[shard.Shard] = (shard.Epoch, shard.Leader);
        }

        return look.Changes;
    }

    private void NoteLives(PlacementLook look, TimeSpan now)
    {
        List<NodeLife> lives = [.. look.Nodes.Where(n => n.IsAlive).Select(n => n.Life)];
        if (_lives is null || !lives.SequenceEqual(_lives))
        {
            (_lives, _livesSince) = (lives, now);
        }
    }

    /// <summary>
    /// Somebody else has changed a leader: it gave way, for it did not reach its followers, or an operator knows better. Who led before is in sync until the next leader has taken it out of the
    /// set, and leads less than others now; so leaders are not evened out before that one has had its time.
    /// </summary>
    private void NoteLeads(PlacementView view, TimeSpan now)
    {
        if (view.Assignments.Any(s => _leads.TryGetValue(s.Shard, out var known) && s.Epoch >= known.Epoch && s.Leader != known.Leader))
        {
            _nextRebalance = now + _options.RebalanceInterval;
        }
    }

    private bool IsStill(TimeSpan now) => now - _livesSince >= _options.StillTime;

    private void LookAgainAt(TimeSpan time) => NextLook = NextLook is { } earlier && earlier < time ? earlier : time;

    private static string Words(NodeState state) => state switch
    {
        NodeState.Draining => "draining",
        NodeState.Leaving => "leaving",
        NodeState.Down => "declared down",
        _ => "up",
    };
}
