using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Storage;
using Broker.Actors.Topology;
using Broker.Simulation.Tests.Checkers;
using Broker.Simulation.Tests.Clients;
using Broker.Simulation.Tests.Nodes;
using Broker.Storage.Disks;

namespace Broker.Simulation.Tests;

/// <summary>How one simulated history goes. All of it follows from the seed.</summary>
internal sealed record WorldOptions
{
    public required int Seed { get; init; }

    /// <summary>Lives of the node before the last one, each of which a crash ends.</summary>
    public int Crashes { get; init; } = 2;

    /// <summary>Things that clients do in one life.</summary>
    public int Actions { get; init; } = 60;

    /// <summary>The disk operation at which the first life crashes; 0: at random, as the later ones do.</summary>
    public long CrashAt { get; init; }

    /// <summary>Makes disk operations fail.</summary>
    public Func<Random, DiskOperation, DiskError?>? Fault { get; init; }

    /// <summary>Bytes of the disk.</summary>
    public long CapacityBytes { get; init; } = long.MaxValue;

    /// <summary>Queues have arguments, and messages properties.</summary>
    public bool Features { get; init; }

    /// <summary>Done to the disk while the node is down.</summary>
    public Action<Random, MemoryDisk>? Damage { get; init; }
}

/// <summary>A node that crashes and starts again, with clients that see all of it, and a checker that knows every confirm.</summary>
internal sealed partial class World
{
    private readonly WorldOptions _options;
    private readonly Random _random;
    private readonly List<SimulatedPublisher> _publishers = [];
    private readonly List<QueueHistory> _queues = [];
    private readonly HashSet<string> _mayBeDeleted = new(StringComparer.Ordinal);
    private readonly HashSet<string> _deleted = new(StringComparer.Ordinal);
    private readonly List<SimulatedConsumer> _consumers = [];
    private MemoryDisk _disk;
    private SimulatedNode? _node;
    private int _lastQueue;
    private int _life;
    private int _action;
    private TimeSpan _startedAt; // the simulated clock goes on while the node is down

    private World(WorldOptions options)
    {
        _options = options;
        _random = new Random(options.Seed);
        _disk = new MemoryDisk(new MemoryDiskOptions { Seed = options.Seed, CapacityBytes = options.CapacityBytes, ShortReads = options.Seed % 3 == 0 });
        for (var i = 0; i < 3; i++)
        {
            _publishers.Add(new SimulatedPublisher(i, named: i > 0, _random, Seen.Add));
        }
    }

    /// <summary>Disk operations of the first life, for a caller that wants to crash at each.</summary>
    public long OperationsOfFirstLife { get; private set; }

    /// <summary>What has happened that is worth simulating.</summary>
    public Coverage Seen { get; } = new();

    /// <summary>Everything that the node has reported.</summary>
    public List<StoreNotice> Reports { get; } = [];

    private SimulatedNode Node => _node!;

    public static World Run(WorldOptions options)
    {
        var world = new World(options);
        try
        {
            for (var life = 0; life < options.Crashes; life++)
            {
                world.Live(life);
            }

            world.LiveToTheEnd();
        }
        catch (Exception e) when (e is not DiskCrashedException)
        {
            var reports = string.Concat(world.Reports.Select(r => $"\n  the node said: {r.Text}"));
            throw new InvalidOperationException($"seed {options.Seed}, crash at {options.CrashAt}: {e.Message}{reports}", e);
        }
        finally
        {
            world._node?.Abandon();
        }

        return world;
    }

    private void Live(int life)
    {
        if (_options.Damage is not null)
        {
            // comes to rest first
        }
        else if (life == 0 && _options.CrashAt > 0)
        {
            _disk.CrashAt(_options.CrashAt);
        }
        else if (_random.Next(4) > 0)
        {
            _disk.CrashAt(_disk.OperationCount + 1 + _random.Next(_options.Actions * 6));
        }

        try
        {
            if (_options.Fault is { } fault && _random.Next(2) == 0)
            {
                _disk.OnOperation = operation => fault(_random, operation);
            }

            Start();
            for (var i = 0; i < _options.Actions && !_disk.HasCrashed; i++)
            {
                _action = i;
                Act();
                for (var steps = _random.Next(30); steps > 0 && Node.Step(); steps--)
                {
                }
            }
        }
        catch (DiskCrashedException)
        {
        }
        catch (IOException) when (_options.Fault is not null || _options.CapacityBytes < long.MaxValue)
        {
            // the node has refused to start on such a disk
        }

        if (_options.Damage is not null && !_disk.HasCrashed)
        {
            Node.Rest(); // damage to what was not certain to be on the disk cannot be told from its loss
        }

        Collect();
        if (life == 0)
        {
            OperationsOfFirstLife = _disk.OperationCount;
        }

        _disk = _disk.Crash(lossless: _options.Damage is not null || _random.Next(3) == 0);
        _options.Damage?.Invoke(_random, _disk);
    }

    private void LiveToTheEnd()
    {
        Start();
        ResumeAll();
        Node.RunUntilIdle();
        foreach (var publisher in _publishers.Skip(1))
        {
            Assert.True(
                _options.Damage is not null || publisher.UnconfirmedCount == 0 || _deleted.Count + _mayBeDeleted.Count > 0,
                $"{publisher.UnconfirmedCount} messages of a named publisher get no confirm");
        }

        Collect();
        CheckTopology();
        _consumers.ForEach(c => c.Vanish());
        _readers.ForEach(r => r.Vanish());
        Node.RunUntilIdle();
        if (_options.Features)
        {
            EndFeatures();
            return;
        }

        foreach (var history in _queues.Where(q => !_deleted.Contains(q.Name)))
        {
            if (Node.Find(history.Name) is { } queue)
            {
                var contents = Drain(queue, history);
                Collect();
                var reports = Reports.Where(r => r.Queue == history.Name).ToList();
                history.CheckContents(contents, reports.Sum(r => r.LostMessages), reports.Any(r => r.LostSettlements));
            }
        }
    }

    private List<MessageId> Drain(LocalQueue queue, QueueHistory history)
    {
        var consumer = new SimulatedConsumer(Node.System, queue.Actor, history, noAck: false, subscribe: true);
        while (true)
        {
            var before = consumer.Received.Count;
            consumer.Grant(50);
            Node.RunUntilIdle();
            if (consumer.Received.Count == before)
            {
                var status = queue.Status;
                Assert.True(status.Ready == 0, $"'{history.Name}': a consumer with credit has got {before} messages and waits, with {status}, {status.LoadedBytes} bytes loaded");
                if (!history.HasFeatures) // a message that comes back may leave
                {
                    consumer.Vanish();
                    Node.RunUntilIdle();
                }

                return consumer.Received;
            }
        }
    }

    private void Start()
    {
        _consumers.Clear();
        _readers.Clear();
        _life++;
        _startedAt = Time;
        _node?.Abandon();
        _node = null;
        _node = SimulatedNode.Start(_disk, _random, _startedAt);
        foreach (var history in _queues)
        {
            history.HiddenDeliveries++;
            history.Pause.OnStart();
        }

        foreach (var publisher in _publishers)
        {
            publisher.Connect(Node.System, FindActor);
        }
    }

    private ActorRef? FindActor(QueueHistory history) => Node.Find(history.Name)?.Actor;

    private void Collect()
    {
        if (_node is not null)
        {
            var errors = _node.Notices.Where(n => n.Severity == StoreNoticeSeverity.Error).ToList();
            Assert.True(_options.Damage is not null || _options.Fault is not null || errors.Count == 0, $"the node reports {string.Join("; ", errors.Select(e => e.Text))}");
            Reports.AddRange(_node.Notices);
            _node.Notices.Clear();
            Seen.Add(_node);
            var faults = _node.Faults.Where(f => f.Exception is not DiskCrashedException && f.Exception?.InnerException is not DiskCrashedException).ToList();
            Assert.True(faults.Count == 0, string.Join("\n", faults.Select(f => $"{f.Kind} in {f.Path}: {f.Exception}")));
        }
    }

    private void CheckTopology()
    {
        foreach (var history in _queues)
        {
            var there = Node.Find(history.Name) is not null;
            Assert.True(there || _mayBeDeleted.Contains(history.Name) || _deleted.Contains(history.Name), $"queue '{history.Name}' was declared and is gone");
            Assert.False(there && _deleted.Contains(history.Name), $"queue '{history.Name}' was deleted and is back");
        }
    }

    /// <summary>Something that a client or an operator does.</summary>
    private void Act()
    {
        var kind = _random.Next(100);
        if (!_queues.Any(IsThere) || kind < 3)
        {
            Declare();
            return;
        }

        var history = Pick(_queues.Where(IsThere).ToList());
        var queue = Node.Find(history.Name)!;
        if (_options.Features && ActOnFeatures(history, queue))
        {
            return;
        }

        switch (kind)
        {
            case < 45:
                Pick(_publishers).Publish(queue.Actor, history);
                break;
            case < 53:
                _consumers.Add(new SimulatedConsumer(Node.System, queue.Actor, history, noAck: history.MayBeLostOnTheWay && _random.Next(2) == 0, subscribe: true));
                break;
            case < 68:
                PickConsumer()?.Grant(_random.Next(1, 12));
                break;
            case < 84:
                PickConsumer()?.Settle(_random);
                break;
            case < 87:
                PickConsumer()?.Vanish();
                break;
            case < 89:
                PickConsumer()?.Cancel();
                break;
            case < 91:
                var getter = new SimulatedConsumer(Node.System, queue.Actor, history, noAck: history.MayBeLostOnTheWay, subscribe: false);
                getter.Get();
                _consumers.Add(getter);
                break;
            case < 92 when history.Sources.Count == 0: // what would be purged that nobody has seen there yet, nobody could tell
                history.OnPurging();
                queue.Actor.Tell(new QueueMessage.Purge());
                break;
            case < 93:
                Delete(history);
                break;
            case < 96:
                Node.Rest();
                break;
            default:
                Node.Time.Advance(TimeSpan.FromSeconds(1)); // the store is looked after
                break;
        }
    }

    private void Declare()
    {
        if (_options.Features)
        {
            DeclareWithArguments();
            return;
        }

        var name = $"q{++_lastQueue}";
        var reply = Node.Ask(new TopologyRequest.DeclareQueue(name, Durable: true, Passive: false) { Arguments = FeatureQueues.Lasting.ToTable() });
        if (reply.Fault is null)
        {
            _queues.Add(new QueueHistory(name, Moment) { MayBeLostOnTheWay = _lastQueue % 4 == 3, MayComeBack = _options.Damage is not null });
        }
    }

    private void Delete(QueueHistory history)
    {
        _mayBeDeleted.Add(history.Name);
        history.OnPurging();
        var reply = Node.Ask(new TopologyRequest.DeleteQueue(history.Name, IfUnused: false, IfEmpty: false));
        if (reply.Fault is null)
        {
            _deleted.Add(history.Name);
        }
    }

    private SimulatedMoment Moment() => new(_life, _action, (long)Time.TotalMilliseconds);

    private bool IsThere(QueueHistory history) => Node.Find(history.Name) is not null;

    private SimulatedConsumer? PickConsumer()
    {
        var there = _consumers.Where(c => !c.IsGone).ToList();
        return there.Count > 0 ? Pick(there) : null;
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
