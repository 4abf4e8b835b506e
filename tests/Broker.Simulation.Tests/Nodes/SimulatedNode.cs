using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Actors.Topology;
using Broker.Actors.Tests.Runtime;
using Broker.Coordination.Embedded;
using Broker.Machines.Queues;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Segments;

namespace Broker.Simulation.Tests.Nodes;

/// <summary>
/// A node without its network: the real actors, machines, log, segments and metadata, on a simulated disk, thread and clock. Everything about the disk is so small that files fill,
/// retire and are copied all the time.
/// </summary>
internal sealed class SimulatedNode
{
    private const int MaxSteps = 2_000_000;
    private readonly EmbeddedActorSystem _system;
    private readonly SingleNodeParts _parts;

    private sealed record SingleNodeParts(NodeStore Store, EmbeddedMetadataStore Metadata);

    private SimulatedNode(MemoryDisk disk, SimulatedThread thread, ManualTimeProvider time, EmbeddedActorSystem system, NodeServices services, SingleNodeParts parts, List<StoreNotice> notices)
    {
        Disk = disk;
        Thread = thread;
        Time = time;
        _system = system;
        Services = services;
        _parts = parts;
        Notices = notices;
    }

    public static LogOptions LogOptions { get; } = new() { FileBytes = 64 << 10, MaxBytes = 192 << 10, MaxGroupBytes = 64 << 10, MaxFiles = 6 };

    public static SegmentOptions SegmentOptions { get; } = new() { SegmentBytes = 8 << 10, BlockBytes = 2 << 10, MaxBlockMessages = 16 };

    /// <summary>So little is kept in memory that most messages are read from disk before they are handed out.</summary>
    public static QueueLimits QueueLimits { get; } = new()
    {
        MaxLoadedBytes = 6 << 10, MinLoadedBytes = 2 << 10, MaxLoadedMessages = 40, ReadAheadBytes = 2 << 10, MaxUncertainBytes = 48 << 10,
    };

    public MemoryDisk Disk { get; }

    public SimulatedThread Thread { get; }

    public ManualTimeProvider Time { get; }

    public NodeServices Services { get; }

    public List<StoreNotice> Notices { get; }

    public ActorSystem System => _system;

    public WriteAheadLog? Log => Thread.Log;

    /// <summary>Starts a node on a disk and runs until it serves.</summary>
    /// <param name="disk">What it finds.</param>
    /// <param name="random">Decides about the order in which things happen.</param>
    /// <param name="now">The time since the beginning of the simulated clock.</param>
    /// <param name="minFreeBytes">So many bytes stay free.</param>
    /// <exception cref="DiskCrashedException">The disk has crashed on the way.</exception>
    /// <exception cref="IOException">The node refuses to start.</exception>
    public static SimulatedNode Start(MemoryDisk disk, Random random, TimeSpan now = default, long minFreeBytes = 0)
    {
        var thread = new SimulatedThread(random);
        var time = new ManualTimeProvider();
        time.Advance(now);
        var faults = new List<ActorFault>();
        var notices = new List<StoreNotice>();
        var store = NodeStore.Open(disk, new StoreOptions { NodeName = "simulated", Log = LogOptions, Segments = SegmentOptions }, time);
        var metadata = EmbeddedMetadataStore.OpenSimulated(
            disk, "metadata", store.Identity.Store, new EmbeddedMetadataOptions { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 192 << 10 } }, time);
        thread.StepMetadata = () =>
        {
            var any = metadata.Log.CommitGroup();
            return metadata.KeepUp() || any;
        };
        var system = EmbeddedActorSystem.Create("simulated", new ActorSystemOptions { TimeProvider = time, Dispatcher = thread.Actors, Seed = random.Next(), OnFault = faults.Add });
        var services = new NodeServices(new BrokerServerOptions
        {
            NodeId = "simulated",
            TimeProvider = time,
            ShardCount = 4,
            Limits = new BrokerLimits { Queue = QueueLimits },
            Storage = new BrokerStorageOptions
            {
                Store = store,
                Metadata = metadata,
                Scheduler = thread,
                Log = LogOptions,
                SegmentBytes = SegmentOptions.SegmentBytes,
                MinFreeBytes = minFreeBytes,
                OnNotice = notices.Add,
            },
        });
        var node = new SimulatedNode(disk, thread, time, system, services, new SingleNodeParts(store, metadata), notices) { Faults = faults };
        try
        {
            node.Await(() => NodeStart.RunAsync(system, services, CancellationToken.None));
        }
        catch
        {
            node.Abandon();
            throw;
        }

        return node;
    }

    /// <summary>Failures of actors. There must be none but those that a crashed disk brings.</summary>
    public required List<ActorFault> Faults { get; init; }

    /// <summary>Lets go of a node whose life has ended, as a crash ends it: nothing is shut down.</summary>
    /// <remarks>A meter is known to the whole process until it is disposed, and knows its node.</remarks>
    public void Abandon() => _system.Metrics.Dispose();

    private string FaultText => string.Join("; ", Faults.Select(f => $"{f.Kind} in {f.Path}: {f.Exception}"));

    /// <summary>Runs something that is ready.</summary>
    /// <returns><c>false</c> if nothing is.</returns>
    /// <exception cref="DiskCrashedException">The disk has crashed.</exception>
    public bool Step()
    {
        var any = Thread.Step();
        if (Disk.HasCrashed)
        {
            Disk.Exists("anything"); // throws, where an actor may have swallowed it
        }

        return any;
    }

    /// <summary>Runs until nothing is left to do.</summary>
    public void RunUntilIdle()
    {
        for (var steps = 0; Step(); steps++)
        {
            Assert.True(steps < MaxSteps, $"the node is still busy after {MaxSteps} steps");
        }
    }

    /// <summary>Runs what an asynchronous method needs until it has ended.</summary>
    public void Await(Func<Task> start)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(Thread);
        Task task;
        try
        {
            task = start();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        for (var steps = 0; !task.IsCompleted; steps++)
        {
            Assert.True(Step() || task.IsCompleted, $"the node waits for something that nobody does; faults: {FaultText}");
            Assert.True(steps < MaxSteps, $"not done after {MaxSteps} steps");
        }

        task.GetAwaiter().GetResult();
    }

    /// <summary>Asks the topology and runs until it has answered.</summary>
    public TopologyReply Ask(TopologyRequest request)
    {
        TopologyReply? reply = null;
        var asker = _system.ActorOf(Props.Create(() => new Asker(answer => reply = answer)));
        Services.Topology.Tell(request, asker);
        for (var steps = 0; reply is null; steps++)
        {
            Assert.True(Step(), $"the topology does not answer {request}; log {Log!.State}, metadata {_parts.Metadata.State}, faults: {FaultText}");
            Assert.True(steps < MaxSteps, $"no answer after {MaxSteps} steps");
        }

        _system.Stop(asker);
        return reply;
    }

    /// <summary>Lets the log mark that it has come to rest, as its thread does after a moment.</summary>
    public void Rest()
    {
        RunUntilIdle();
        Log?.CommitMark();
        _parts.Metadata.Log.CommitMark();
    }

    private sealed class Asker(Action<TopologyReply> answer) : Actor
    {
        protected override void Receive(object message) => answer((TopologyReply)message);
    }

    /// <summary>The queue's actor, if it is there.</summary>
    public LocalQueue? Find(string queue) => Services.Queues.TryGet(queue, out var found) ? found : null;
}
