using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>
/// Some nodes with a replica each, a network, disks, a metadata store and a time of their own, everything from one seed: the same seed is the same run.
/// </summary>
internal sealed partial class ReplicationWorld
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2); // one replica catches up after the other
    private readonly Random _random;
    private readonly PriorityQueue<Action, (TimeSpan, long)> _events = new();
    private readonly Dictionary<(string, string), TimeSpan> _lastArrival = [];
    private readonly HashSet<(string, string)> _cut = []; // pairs between which nothing arrives, in order
    private readonly Dictionary<(string, string), int> _links = []; // generation of the link of a pair: what was sent on an earlier one is lost
    private long _eventNumber;
    private long _valueNumber;
    private long _incarnation;
    private int _stores;
    private PlacementMachine _coordinator;
    private bool _isCalm;

    public ReplicationWorld(int seed, int nodes)
    {
        _random = new Random(seed);
        Placement = new PlacementOptions
        {
            Shards = 1,
            Replicas = Math.Min(3, nodes),
            MinInSync = Math.Min(2, nodes),
            StillTime = TimeSpan.FromMilliseconds(500),
            RebalanceInterval = TimeSpan.FromSeconds(1),
            GatheringTime = TimeSpan.Zero,
        };
        _coordinator = new PlacementMachine(Placement);
        Options = new ReplicaOptions { MinInSync = Math.Min(2, nodes), MaxUnacknowledged = _random.Next(10, 60) };
        Replicas = [.. Enumerable.Range(0, nodes).Select(i => new SimulatedReplica(this, $"n{i}"))];
        Metadata = new SimulatedMetadata([.. Replicas.Select(r => r.Name)]);
        foreach (var replica in Replicas)
        {
            replica.Disk.Replace(++_stores);
            Begin(replica);
        }

        foreach (var replica in Replicas)
        {
            Metadata.Alive[replica.Name] = (replica.Life, replica.Disk.Store);
            Watch(replica);
            Tick(replica);
        }

        Coordinate();
        Publish();
    }

    public TimeSpan Now { get; private set; }

    public ReplicaOptions Options { get; }

    public PlacementOptions Placement { get; }

    public IReadOnlyList<SimulatedReplica> Replicas { get; }

    public SimulatedMetadata Metadata { get; }

    public ReplicationHistory History { get; } = new();

    /// <summary>What has happened, for a test that wants to know whether enough has.</summary>
    public HashSet<string> Seen { get; } = [];

    public string NextValue() => $"v{++_valueNumber}";

    public TimeSpan DiskDelay() => TimeSpan.FromMilliseconds(_random.Next(20) == 0 ? _random.Next(400) : _random.Next(8));

    public bool IsConnected(SimulatedReplica one, SimulatedReplica other) => other.IsRunning && one.IsRunning && !_cut.Contains(Pair(one.Name, other.Name));

    public void Later(TimeSpan delay, Action what) => _events.Enqueue(what, (Now + delay, ++_eventNumber));

    /// <summary>Lets faults happen for a while, then none, and checks that everything is well again.</summary>
    public void Run(int faults)
    {
        for (var i = 0; i < faults; i++)
        {
            Advance(TimeSpan.FromMilliseconds(_random.Next(1500)));
            Fault();
        }

        Heal();
        for (var end = Now + s_patience; Now < end && !IsWell();)
        {
            Advance(TimeSpan.FromSeconds(1));
        }

        Check();
    }

    public void Send(SimulatedReplica from, string to, ReplicaMessage message, IReadOnlyDictionary<ulong, string>? values)
    {
        var receiver = Replicas.Single(r => r.Name == to);
        if (!IsConnected(from, receiver))
        {
            return;
        }

        var link = _links.GetValueOrDefault(Pair(from.Name, to));
        var arrival = Now + TimeSpan.FromMilliseconds(_random.Next(30) == 0 ? _random.Next(300) : _random.Next(5));
        if (_lastArrival.TryGetValue((from.Name, to), out var last) && last > arrival)
        {
            arrival = last; // in order
        }

        _lastArrival[(from.Name, to)] = arrival;
        receiver.Later(arrival - Now, _ =>
        {
            if (link == _links.GetValueOrDefault(Pair(from.Name, to)))
            {
                receiver.Receive(from.Name, message, values);
            }
        });
    }

    private static (string, string) Pair(string one, string other) => string.CompareOrdinal(one, other) < 0 ? (one, other) : (other, one);

    private TimeSpan Delay(int maxMilliseconds) => TimeSpan.FromMilliseconds(_random.Next(maxMilliseconds + 1));

    private SimulatedReplica Any() => Replicas[_random.Next(Replicas.Count)];

    private void Advance(TimeSpan time)
    {
        var end = Now + time;
        while (_events.TryPeek(out _, out var due) && due.Item1 <= end)
        {
            Now = due.Item1;
            _events.Dequeue()();
        }

        Now = end;
    }

    private void Begin(SimulatedReplica replica)
    {
        replica.Start(++_incarnation);
        foreach (var other in Replicas.Where(r => r != replica && r.IsRunning))
        {
            ResetLink(replica, other);
        }
    }

    private void Fault()
    {
        var replica = Any();
        switch (_random.Next(12))
        {
            case 0 or 1 when replica.IsRunning:
                Crash(replica);
                break;
            case 0 or 1 or 2 when !replica.IsRunning:
                Restart(replica);
                break;
            case 3 when !replica.IsRunning && MayLoseItsDisk(replica):
                replica.Disk.Replace(++_stores);
                Restart(replica);
                break;
            case 4:
                Toggle(replica, Any());
                break;
            case 5:
                replica.IsPaused = !replica.IsPaused;
                break;
            case 6:
                replica.HasMetadata = !replica.HasMetadata;
                break;
            case 7 when !Metadata.Suspected.Remove(replica.Name):
                Metadata.Suspected.Add(replica.Name);
                break;
            case 8:
                replica.Retire(_random);
                break;
            case 9:
                Metadata.States[replica.Name] = (NodeState)_random.Next(3);
                break;
            case 10:
                _coordinator = new PlacementMachine(Placement); // on another node
                break;
            default:
                ResetLink(replica, Any());
                break;
        }
    }

    /// <summary>One disk at a time: with more, something is lost that nobody can bring back.</summary>
    private bool MayLoseItsDisk(SimulatedReplica replica)
    {
        var inSync = Metadata.Assignment?.InSync ?? [];
        var intact = inSync.Where(m => Replicas.Single(r => r.Name == m.Node).Disk.Store == m.Store).ToList();
        return inSync.All(m => m.Node != replica.Name) || (intact.Count == inSync.Count && inSync.Count > 1);
    }

    private void Crash(SimulatedReplica replica)
    {
        replica.Crash(_random);
        foreach (var other in Replicas.Where(r => r != replica))
        {
            BreakLink(replica, other);
        }
    }

    private void Restart(SimulatedReplica replica)
    {
        replica.IsPaused = false;
        Begin(replica);
        Metadata.Alive[replica.Name] = (replica.Life, replica.Disk.Store);
    }

    private void Toggle(SimulatedReplica one, SimulatedReplica other)
    {
        if (one != other && !_cut.Remove(Pair(one.Name, other.Name)))
        {
            _cut.Add(Pair(one.Name, other.Name));
            BreakLink(one, other);
        }
        else if (one != other)
        {
            ResetLink(one, other);
        }
    }

    /// <summary>What was on its way is lost, and both ends hear that the link is down.</summary>
    private void BreakLink(SimulatedReplica one, SimulatedReplica other)
    {
        _links[Pair(one.Name, other.Name)] = _links.GetValueOrDefault(Pair(one.Name, other.Name)) + 1;
        var (oneIsGone, otherIsGone) = (_random.Next(4) == 0, _random.Next(4) == 0); // true or not: a network may say anything
        one.Later(Delay(300), m => m.HandleLink(other.Name, isUp: false, Now, otherIsGone));
        other.Later(Delay(300), m => m.HandleLink(one.Name, isUp: false, Now, oneIsGone));
    }

    private void ResetLink(SimulatedReplica one, SimulatedReplica other)
    {
        if (one == other)
        {
            return;
        }

        BreakLink(one, other);
        Later(TimeSpan.FromMilliseconds(301 + _random.Next(200)), () =>
        {
            if (IsConnected(one, other))
            {
                one.Later(Delay(20), m => m.HandleLink(other.Name, isUp: true, Now));
                other.Later(Delay(20), m => m.HandleLink(one.Name, isUp: true, Now));
            }
        });
    }

    private void Heal()
    {
        _isCalm = true;
        _cut.Clear();
        Metadata.Suspected.Clear();
        foreach (var replica in Replicas)
        {
            Metadata.States[replica.Name] = NodeState.Up;
            replica.HasMetadata = true;
            replica.IsPaused = false;
            if (!replica.IsRunning)
            {
                Restart(replica);
            }
        }

        foreach (var one in Replicas)
        {
            foreach (var other in Replicas.Where(r => string.CompareOrdinal(one.Name, r.Name) < 0))
            {
                ResetLink(one, other);
            }
        }
    }

    private void Tick(SimulatedReplica replica)
    {
        if (replica.IsRunning)
        {
            replica.Later(TimeSpan.Zero, m => m.HandleTick(Now));
        }

        Later(TimeSpan.FromMilliseconds(100), () => Tick(replica));
    }

    private void Publish()
    {
        Any().Append(_random.Next(1, 6));
        Later(TimeSpan.FromMilliseconds(_random.Next(1, 60)), Publish);
    }

    private void Check()
    {
        var assignment = Metadata.Assignment!;
        Assert.True(
            IsWell(),
            $"{assignment} in sync {string.Join(' ', assignment.InSync)} on {string.Join(' ', assignment.Replicas)}\n{string.Join('\n', Replicas.Select(Describe))}");
        foreach (var replica in Replicas.Where(r => assignment.Replicas.Contains(r.Name)))
        {
            History.CheckComplete(replica.Name, replica.Machine.Log.Last, replica.Values);
        }
    }

    /// <summary>There is one leader, and as many replicas as there should be, all in sync and hardly behind.</summary>
    private bool IsWell() =>
        Metadata.Assignment is { Leader: { } leader } assignment
        && Replicas.Where(r => r.Machine.IsServing).Select(r => r.Life).SequenceEqual([leader])
        && assignment.Replicas.Count == Placement.Replicas
        && Replicas.Where(r => assignment.Replicas.Contains(r.Name)).Select(r => new ReplicaId(r.Name, r.Disk.Store)).ToHashSet().SetEquals(assignment.InSync)
        && Replicas.Where(r => assignment.Replicas.Contains(r.Name)).All(r => History.CommittedUpTo - r.Machine.CommittedIndex < 200);

    private static string Describe(SimulatedReplica replica)
    {
        var machine = replica.Machine;
        return $"{replica.Name} with store {replica.Disk.Store.ToString()[..8]} {(machine.IsServing ? "serves" : "does not serve")} in epoch {machine.Epoch}, log {machine.Log}, "
            + $"certain {machine.CertainIndex}, committed {machine.CommittedIndex}";
    }
}
