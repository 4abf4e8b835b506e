using Broker.Machines.Cluster;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

/// <summary>Replicas a, b and c for stories: everything happens at once and in order, but for what the story holds back.</summary>
internal sealed class ReplicaGroup
{
    private readonly Dictionary<string, ReplicaMachine> _machines = [];
    private readonly Dictionary<string, long> _incarnations = [];
    private readonly Queue<(string From, string To, ReplicaMessage Message)> _messages = new();
    private readonly Dictionary<string, List<(ulong Index, long Epoch)>> _unsynced = [];
    private long _nextIncarnation;

    public ReplicaGroup(params string[] nodes)
    {
        foreach (var node in nodes)
        {
            Start(node, new Lineage(), epoch: 0, committed: 0);
        }
    }

    /// <summary>Nodes whose disks do not sync.</summary>
    public HashSet<string> Slow { get; } = [];

    /// <summary>Nodes that hear nothing and are not heard.</summary>
    public HashSet<string> Away { get; } = [];

    /// <summary>Pairs of nodes between which nothing arrives.</summary>
    public HashSet<(string, string)> Cut { get; } = [];

    /// <summary>Nodes that do not hear of assignments.</summary>
    public HashSet<string> Unaware { get; } = [];

    public TimeSpan Now { get; private set; }

    public ShardAssignment Assignment { get; private set; } = new(0, 0, null, [], []);

    public long Revision { get; private set; }

    /// <summary>What was to be done by others, in order, with the node that asked.</summary>
    public List<(string Node, ReplicaEffect Effect)> Asked { get; } = [];

    public ReplicaMachine this[string node] => _machines[node];

    public static ReplicaId Replica(string node, int store = 1) => new(node, new Guid(store, (short)node[0], 0, new byte[8]));

    public NodeLife LifeOf(string node) => new(node, _incarnations[node]);

    /// <summary>A new life of a node, with what its disk has.</summary>
    public void Start(string node, Lineage log, long epoch, ulong committed, int store = 1)
    {
        _incarnations[node] = ++_nextIncarnation;
        _unsynced[node] = [];
        _machines[node] = new ReplicaMachine(0, LifeOf(node), Replica(node, store).Store, new ReplicaOptions(), epoch, log, committed);
    }

    /// <summary>The node crashes and starts again; what was not synced is gone.</summary>
    public void Restart(string node)
    {
        var machine = _machines[node];
        var unsynced = _unsynced[node].Count > 0 ? _unsynced[node][0].Index : machine.Log.Last + 1;
        Start(node, machine.Log.UpTo(unsynced - 1), machine.CertainEpoch, Math.Min(machine.CommittedIndex, unsynced - 1));
    }

    /// <summary>Everybody who is not unaware hears of an assignment, and what follows from it happens.</summary>
    public void Assign(long epoch, string leader, params string[] inSync) =>
        Assign(new ShardAssignment(0, epoch, LifeOf(leader), [.. inSync.Select(n => Replica(n))], [.. _machines.Keys]));

    public void Assign(ShardAssignment assignment)
    {
        Assignment = assignment;
        Revision++;
        Announce();
    }

    /// <summary>Those who did not hear of the last assignment do now.</summary>
    public void Announce()
    {
        foreach (var (node, machine) in _machines.Where(m => !Unaware.Contains(m.Key)))
        {
            machine.HandleAssignment(Assignment, Revision, Now);
        }

        Settle();
    }

    public void Append(string node, int count = 1)
    {
        var machine = _machines[node];
        var first = machine.Append(count);
        for (var i = 0; i < count; i++)
        {
            _unsynced[node].Add((first + (ulong)i, machine.Epoch));
        }

        Settle();
    }

    /// <summary>The link between two nodes breaks or comes back.</summary>
    public void Link(string one, string other, bool isUp, bool isGone = false)
    {
        _machines[one].HandleLink(other, isUp, Now);
        _machines[other].HandleLink(one, isUp, Now, isGone);
        Settle();
    }

    /// <summary>Somebody is away, or back; everybody's links say so.</summary>
    public void SetAway(string node, bool isAway, bool isGone = false)
    {
        _ = isAway ? Away.Add(node) : Away.Remove(node);
        foreach (var other in _machines.Keys.Where(n => n != node))
        {
            Link(node, other, isUp: !isAway, isGone);
        }
    }

    public void Pass(TimeSpan time)
    {
        for (var end = Now + time; Now < end;)
        {
            Now += TimeSpan.FromMilliseconds(100);
            foreach (var machine in _machines.Values)
            {
                machine.HandleTick(Now);
            }

            Settle();
        }
    }

    /// <summary>Lets everything happen that is not held back.</summary>
    public void Settle()
    {
        bool any;
        do
        {
            any = false;
            foreach (var node in _machines.Keys)
            {
                any |= Carry(node);
            }

            while (_messages.TryDequeue(out var message))
            {
                any = true;
                var isCut = Cut.Contains((message.From, message.To)) || Cut.Contains((message.To, message.From));
                if (!isCut && !Away.Contains(message.From) && !Away.Contains(message.To))
                {
                    _machines[message.To].HandleMessage(message.From, message.Message, Now);
                }
            }
        }
        while (any);
    }

    public IEnumerable<T> AskedBy<T>(string node)
        where T : ReplicaEffect => Asked.Where(a => a.Node == node).Select(a => a.Effect).OfType<T>();

    private bool Carry(string node)
    {
        var (machine, any) = (_machines[node], false);
        while (machine.TryTakeEffect(out var effect))
        {
            any = true;
            switch (effect)
            {
                case ReplicaEffect.StoreEpoch e:
                    machine.HandleEpochCertain(e.Epoch, Now);
                    break;
                case ReplicaEffect.WriteStart e:
                    _unsynced[node].Add((e.Index, e.Epoch));
                    break;
                case ReplicaEffect.Write e:
                    _unsynced[node].AddRange(e.Runs.SelectMany(r => Enumerable.Repeat(r.Epoch, (int)r.Count)).Select((epoch, i) => (e.First + (ulong)i, epoch)));
                    break;
                case ReplicaEffect.Cut e:
                    _unsynced[node].RemoveAll(u => u.Index >= e.From);
                    Asked.Add((node, e));
                    break;
                case ReplicaEffect.Install e:
                    machine.HandleInstalled(e.Log, Now);
                    Asked.Add((node, e));
                    break;
                case ReplicaEffect.Send e:
                    _messages.Enqueue((node, e.Node, e.Message));
                    break;
                default:
                    Asked.Add((node, effect));
                    break;
            }
        }

        if (!Slow.Contains(node) && _unsynced[node].Count > 0)
        {
            any = true;
            var (index, epoch) = _unsynced[node][^1];
            _unsynced[node].Clear();
            machine.HandleCertain(index, epoch, Now);
        }

        return any;
    }
}
