using Broker.Machines.Cluster;
using Broker.Machines.Replication;
using Note = Broker.Machines.Tests.Replication.SimulatedReplicaDisk.Note;

namespace Broker.Machines.Tests.Replication;

/// <summary>A node with one replica: the real machine, on a disk and a network that are not.</summary>
internal sealed class SimulatedReplica(ReplicationWorld world, string name)
{
    private readonly List<(long Epoch, ulong Index, string Value)> _unconfirmed = [];
    private Dictionary<ulong, string> _values = [];
    private readonly Queue<Action<ReplicaMachine>> _held = new(); // came while it was stopped
    private ReplicaMachine? _machine;
    private bool _syncing;

    public string Name => name;

    public SimulatedReplicaDisk Disk { get; } = new();

    public NodeLife Life { get; private set; }

    /// <summary>Whether its process runs; it may be stopped and go on later.</summary>
    public bool IsRunning => _machine is not null;

    public bool IsPaused
    {
        get;
        set
        {
            field = value;
            if (!value)
            {
                world.Later(TimeSpan.Zero, Catch);
            }
        }
    }

    /// <summary>Whether it reaches the metadata store.</summary>
    public bool HasMetadata { get; set; } = true;

    public ReplicaMachine Machine => _machine!;

    public IReadOnlyDictionary<ulong, string> Values => _values;

    public void Start(long incarnation)
    {
        Life = new NodeLife(name, incarnation);
        (_machine, _values) = Disk.Recover(Life, world.Options);
        _syncing = false;
        _unconfirmed.Clear();
        _checked = 0;
        foreach (var other in world.Replicas.Where(r => r != this && !world.IsConnected(this, r)))
        {
            _machine.HandleLink(other.Name, isUp: false, world.Now);
        }

        Carry();
    }

    public void Crash(Random random)
    {
        _machine = null;
        _held.Clear();
        Disk.Crash(random);
    }

    /// <summary>Something happens to this life of it, unless that is over by then; a stopped process hears of it when it goes on.</summary>
    public void Later(TimeSpan delay, Action<ReplicaMachine> what)
    {
        var life = Life;
        world.Later(delay, () => Do(life, what));
    }

    public void Append(int count)
    {
        if (_machine is not { IsServing: true } || IsPaused)
        {
            return;
        }

        var first = _machine.Append(count);
        for (var i = 0; i < count; i++)
        {
            var (index, value) = (first + (ulong)i, world.NextValue());
            _values[index] = value;
            _unconfirmed.Add((_machine.Epoch, index, value));
            Disk.Write(new Note.Record(index, _machine.Epoch, value));
        }

        Carry();
    }

    /// <summary>What is committed may be kept elsewhere than in the log.</summary>
    public void Retire(Random random)
    {
        if (_machine is not null && !IsPaused && _machine.CommittedIndex > 0)
        {
            var first = (ulong)random.NextInt64((long)_machine.CommittedIndex + 1) + 1;
            _machine.HandleRetired(first);
            Disk.Write(new Note.Committed(_machine.CommittedIndex));
            Disk.Write(new Note.Retired(first));
        }
    }

    private void Do(NodeLife life, Action<ReplicaMachine> what)
    {
        if (_machine is null || Life != life)
        {
            return;
        }

        if (IsPaused || _held.Count > 0)
        {
            _held.Enqueue(what);
            return;
        }

        what(_machine);
        Carry();
    }

    /// <summary>What has come while it was stopped.</summary>
    private void Catch()
    {
        while (!IsPaused && _held.TryDequeue(out var what))
        {
            what(_machine!);
            Carry();
        }
    }

    /// <summary>Does what the machine asks for.</summary>
    public void Carry()
    {
        while (_machine!.TryTakeEffect(out var effect))
        {
            switch (effect)
            {
                case ReplicaEffect.StoreEpoch e:
                    Disk.Write(new Note.Epoch(e.Epoch));
                    break;
                case ReplicaEffect.WriteStart e:
                    _values[e.Index] = $"epoch {e.Epoch}";
                    Disk.Write(new Note.Record(e.Index, e.Epoch, _values[e.Index]));
                    break;
                case ReplicaEffect.Write e:
                    Write(e);
                    break;
                case ReplicaEffect.Cut e:
                    world.Seen.Add("records were cut off");
                    Disk.Write(new Note.Cut(e.From));
                    foreach (var index in _values.Keys.Where(i => i >= e.From).ToList())
                    {
                        _values.Remove(index);
                    }

                    break;
                case ReplicaEffect.Install e:
                    world.Seen.Add("a state took the place of a log");
                    Disk.Write(new Note.Installed(e.Log, _arrived!));
                    break;
                case ReplicaEffect.Send e:
                    world.Send(this, e.Node, e.Message, e.Message is ReplicaMessage.Records or ReplicaMessage.Snapshot ? new Dictionary<ulong, string>(_values) : null);
                    break;
                case ReplicaEffect.Committed e:
                    Confirm(e.Index);
                    break;
                case ReplicaEffect.BeginLeading e:
                    world.History.OnLeading(Life, e.Epoch);
                    break;
                case ReplicaEffect.EndLeading:
                    world.Seen.Add("a leader ended");
                    _unconfirmed.Clear(); // their publishers hear that nobody knows
                    break;
                case ReplicaEffect.Propose e:
                    world.Propose(this, e);
                    break;
                case ReplicaEffect.GiveWay e:
                    world.GiveWay(this, e);
                    break;
                case ReplicaEffect.Refuse e:
                    Assert.Fail($"{name} has records {e.FirstLost} to {e.LastLost} committed, and its leader does not");
                    break;
                default:
                    Assert.Fail($"{effect}");
                    break;
            }
        }

        if (Disk.HasUnsynced && !_syncing)
        {
            _syncing = true;
            Later(world.DiskDelay(), _ => Sync());
        }
    }

    private IReadOnlyDictionary<ulong, string>? _arrived; // with the message that is being handled

    public void Receive(string from, ReplicaMessage message, IReadOnlyDictionary<ulong, string>? values)
    {
        _arrived = values;
        _machine!.HandleMessage(from, message, world.Now);
    }

    private void Write(ReplicaEffect.Write effect)
    {
        var index = effect.First;
        foreach (var run in effect.Runs)
        {
            for (var i = 0UL; i < run.Count; i++, index++)
            {
                _values[index] = _arrived![index];
                Disk.Write(new Note.Record(index, run.Epoch, _values[index]));
            }
        }
    }

    private void Sync()
    {
        _syncing = false;
        foreach (var note in Disk.Sync())
        {
            switch (note)
            {
                case Note.Epoch m:
                    _machine!.HandleEpochCertain(m.Number, world.Now);
                    break;
                case Note.Record m:
                    _machine!.HandleCertain(m.Index, m.WrittenIn, world.Now);
                    break;
                case Note.Installed m:
                    _values = new Dictionary<ulong, string>(m.Values);
                    _machine!.HandleInstalled(m.Log, world.Now);
                    break;
                default:
                    break;
            }
        }
    }

    private ulong _checked;

    private void Confirm(ulong index)
    {
        world.History.OnCommitted(name, Math.Min(_checked, index) + 1, index, _values);
        _checked = index;
        foreach (var (_, confirmed, value) in _unconfirmed.Where(u => u.Index <= index && u.Epoch == _machine!.Epoch).ToList())
        {
            world.History.OnConfirmed(confirmed, value);
        }

        _unconfirmed.RemoveAll(u => u.Index <= index);
    }
}
