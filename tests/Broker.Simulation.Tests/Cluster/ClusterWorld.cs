using System.Globalization;
using Broker.Actors.Queues;
using Broker.Machines.Cluster;
using Broker.Simulation.Tests.Cluster.Checkers;
using Broker.Storage.Disks;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// Some nodes with real replicas, queues, logs and recovery, and a network, disks, metadata and clients of their own, everything on one thread and from one seed: the same seed is the
/// same run.
/// </summary>
internal sealed partial class ClusterWorld
{
    private const int MostSteps = 400; // of a node in one slice of time
    private static readonly TimeSpan s_epoch = TimeSpan.FromDays(100); // what wall clocks show at the beginning, so that one that is wrong is still after 1970
    private readonly PriorityQueue<Action, (TimeSpan, long)> _events = new();
    private readonly Dictionary<(string From, string To), SimulatedLink> _links = [];
    private readonly OneLeader _oneLeader = new();
    private readonly EqualReplicas _equalReplicas;
    private readonly Random _chance;
    private readonly Action<string>? _log;
    private long _eventNumber;

    private ClusterWorld(ClusterOptions options, Action<string>? log)
    {
        Options = options;
        _log = log;
        _equalReplicas = new EqualReplicas(_ending.Contains);
        Random = new Random(options.Seed);
        _chance = new Random(options.Seed); // a source of its own: the rest goes as without it
        Members = [.. Enumerable.Range(0, options.Nodes).Select(i => new SimulatedMember($"n{i}", NextStore(), Random.Next(), shortReads: Random.Next(3) == 0))];
        Metadata = new SimulatedMetadata([.. Members.Select(m => m.Name)]);
        DeclareAll();
        if (options.Workload is ClusterWorkload.Log or ClusterWorkload.LogOfBytes or ClusterWorkload.LogOfTime)
        {
            ReadLog = Declare(LogName, ArgumentsOfLog());
            _queues.Remove(ReadLog);
        }

        _offsets = new LogOffsets(LogName, ReadLog?.Arguments.MaxLengthBytes, ReadLog?.Arguments.MaxAge is not null);
        _coordinator = new PlacementMachine(options.Placement);
        _publishers = [.. Enumerable.Range(0, ClusterPublisher.PublisherCount).Select(i => new ClusterPublisher(this, i, named: i > 0))];
        foreach (var from in Members)
        {
            foreach (var to in Members.Where(m => m != from))
            {
                _links.Add((from.Name, to.Name), new SimulatedLink(this, from, to));
            }
        }
    }

    public ClusterOptions Options { get; }

    public Random Random { get; }

    public TimeSpan Now { get; private set; }

    public IReadOnlyList<SimulatedMember> Members { get; }

    /// <summary>Those that are declared, without the log.</summary>
    public IReadOnlyList<ClusterQueue> Queues => _queues;

    /// <summary>Those, and the log.</summary>
    public IEnumerable<ClusterQueue> Declared => ReadLog is null ? Queues : Queues.Append(ReadLog);

    /// <summary>What the wall clock of a node that starts now shows, since 1970.</summary>
    public TimeSpan WallClockAt(SimulatedMember member) => s_epoch + Now + member.ClockOffset;

    public SimulatedMetadata Metadata { get; }

    /// <summary>What has happened that is worth simulating, and how often.</summary>
    public ClusterCoverage Seen { get; } = new();

    /// <param name="options">What is to happen.</param>
    /// <param name="log">Takes everything that happens, a line each.</param>
    public static ClusterWorld Run(ClusterOptions options, Action<string>? log = null)
    {
        var world = new ClusterWorld(options, log);
        try
        {
            world.Live();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"after {world.Now}: {e.Message}\n{world.Describe()}", e);
        }
        finally
        {
            foreach (var member in world.Members)
            {
                member.Life?.End();
            }
        }

        return world;
    }

    /// <summary>Something has happened.</summary>
    public void Trace(string what) => _log?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{Now.TotalMilliseconds,12:0.0000} {what}"));

    public void Later(TimeSpan delay, Action what) => _events.Enqueue(what, (Now + delay, ++_eventNumber));

    public TimeSpan Delay(int from, int to) => TimeSpan.FromMilliseconds(Random.Next(from, to + 1));

    public TimeSpan NetworkDelay() => Random.Next(30) == 0 ? Delay(0, 250) : Delay(0, 5);

    /// <summary>Until when an actor that has something to do gets no turn; <c>null</c> if it is not held back.</summary>
    public TimeSpan? HoldActorUntil()
    {
        if (!Options.HasSlowActors || IsCalm || _chance.Next(100) > 0)
        {
            return null;
        }

        Seen.Count("an actor is held back");
        return Now + TimeSpan.FromMilliseconds(_chance.Next(2, 800));
    }

    /// <summary>A node that has an actor of the queue, be it the leader or one that does not know yet that it is none any more.</summary>
    public (MemberLife? Life, LocalQueue? Queue) FindServing(ClusterQueue queue)
    {
        List<(MemberLife?, LocalQueue?)> found = [.. Members.Select(m => (m.Life, m.Life?.Find(queue))).Where(f => f.Item2 is not null)];
        return found.Count == 0 ? default : found[Random.Next(found.Count)];
    }

    private void Live()
    {
        foreach (var member in Members)
        {
            if (Options.HasLateNodes && member != Members[0])
            {
                Seen.Count("a first node by itself");
                Later(TimeSpan.FromMilliseconds(_chance.Next(200, 2000)), () => StartLate(member));
            }
            else
            {
                Start(member);
            }
        }

        foreach (var link in _links.Values)
        {
            link.Dial();
        }

        Members.ToList().ForEach(Watch);
        Coordinate();
        Act();
        Tend();
        Advance(TimeSpan.FromMilliseconds(Options.Faults > 0 ? 500 : 3000));
        for (var i = 0; i < Options.Faults; i++)
        {
            Advance(TimeSpan.FromTicks((long)(Random.NextDouble() * Options.MaxCalm.Ticks)));
            Fault();
            LookAtOne();
        }

        Heal();
        Advance(TimeSpan.FromMilliseconds(500));
        Settle();
    }

    private void StartLate(SimulatedMember member)
    {
        if (!member.IsRunning)
        {
            Trace($"{member.Name} comes for the first time");
            Start(member);
        }
    }

    /// <summary>Lets time pass: what is due happens, and nodes get turns, some more and some fewer.</summary>
    private void Advance(TimeSpan time)
    {
        for (var end = Now + time; Now < end;)
        {
            var slice = Delay(1, 6);
            Now += slice;
            while (_events.TryPeek(out _, out var due) && due.Item1 <= Now)
            {
                _events.Dequeue()();
            }

            foreach (var member in Members)
            {
                if (member is { Life: { } life, IsPaused: false })
                {
                    Turn(member, life);
                }
            }
        }
    }

    private void Turn(SimulatedMember member, MemberLife life)
    {
        try
        {
            life.Release(Now);
            life.Time.Advance(Now - life.StartedAt - life.Time.GetElapsedTime(0));
            var steps = member.IsSlow ? Random.Next(8) : Random.Next(12) == 0 ? Random.Next(20) : MostSteps;
            while (steps-- > 0 && life.Step())
            {
            }
        }
        catch (DiskCrashedException)
        {
            Trace($"{member.Name} has crashed at a disk operation");
            Crash(member);
            return;
        }

        NoFaults.Look(life);
        _oneLeader.Look(life);
    }

    private string Describe()
    {
        var shards = Enumerable.Range(0, Options.Placement.Shards).Select(s => Metadata[s] is ({ } a, var revision)
            ? $"shard {s}, revision {revision}: epoch {a.Epoch}, leader {a.Leader}, "
                + $"in sync {string.Join(' ', a.InSync.Select(r => $"{r.Node}/{r.Store.ToString()[^2..]}"))}, on {string.Join(' ', a.Replicas)}"
            : $"shard {s}: not assigned");
        var members = Members.Select(m => m.Life is { } life
            ? $"{m} store {m.Store.ToString()[^2..]}, {life.Cluster.Identity.Life.Incarnation}, log {life.Log.State} {life.Log.StartPosition}-{life.Log.SyncedPosition} {life.Storage.BlockedBy} "
                + $"needed by {string.Join(' ', life.Log.EntitiesNeeding(life.Log.RetirementGoal()).Select(e => e.ToString("x", CultureInfo.InvariantCulture)))}: "
                + string.Join("; ", Enumerable.Range(0, life.Cluster.Shards.Count).Select(s => $"{s} {life.System.GetHierarchy($"user/replica/{s}", 0)?.Detail}"))
            : m.ToString());
        var links = string.Join(' ', _links.Values.Where(l => !l.IsUp).Select(l => $"{l.From.Name}->{l.To.Name}"));
        var queues = Declared.SelectMany(q => Members.Where(m => m.Life?.Find(q) is not null).Select(m => (q, m, Local: m.Life!.Find(q)!)))
            .Select(q => $"{q.q.Name} (shard {q.q.Shard}) on {q.m.Name}: {q.Local.Status}, {q.Local.Status.Parked} parked, {q.Local.Status.DeadLettersUnderWay} dead, {q.Local.Status.Enqueued} taken");
        return string.Join('\n', [.. shards, .. members, .. queues, $"links down: {links}", $"{string.Join(' ', _publishers.Select(p => p.Unconfirmed))} unconfirmed"]);
    }
}
