using System.Net;
using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Queues;
using Broker.Actors.Replication;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Embedded;
using Broker.Actors.Server;
using Broker.Actors.Storage;
using Broker.Actors.Tests.Runtime;
using Broker.Machines.Cluster;
using Broker.Machines.Links;
using Broker.Simulation.Tests.Nodes;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Transport;

namespace Broker.Simulation.Tests.Cluster;

/// <summary>
/// A node of the cluster from a start to its end: the real store, replicas and queues. The world stands for the network, for what is agreed on, and for what declares queues.
/// </summary>
internal sealed class MemberLife
{
    private const int MaxStartSteps = 500_000;
    private readonly SimulatedThread _thread;
    private readonly EmbeddedActorSystem _system;
    private readonly Dictionary<int, ReplicaStatus> _statuses = [];
    private ActorRef _asker = ActorRef.NoSender;
    private ActorRef _queues = ActorRef.NoSender;

    private MemberLife(SimulatedMember member, SimulatedThread thread, ManualTimeProvider time, EmbeddedActorSystem system, NodeServices services)
    {
        Member = member;
        _thread = thread;
        Time = time;
        _system = system;
        Services = services;
    }

    public SimulatedMember Member { get; }

    public ManualTimeProvider Time { get; }

    public NodeServices Services { get; }

    public ActorSystem System => _system;

    public ClusterServices Cluster => Services.Cluster!;

    public NodeStorage Storage => Services.Storage!;

    public WriteAheadLog Log => Storage.Log;

    public required List<ActorFault> Faults { get; init; }

    public required List<StoreNotice> Notices { get; init; }

    /// <summary>The links to other nodes, by name.</summary>
    public Dictionary<string, ActorRef> Links { get; } = [];

    /// <summary>Revision of the newest assignment of each shard that the node was told.</summary>
    public Dictionary<int, long> Told { get; } = [];

    /// <summary>Whether its lease was known to the cluster before; another one is another life as far as leading goes.</summary>
    public bool WasRegistered { get; set; }

    /// <summary>When its clock was at zero.</summary>
    public TimeSpan StartedAt { get; set; }

    public bool IsOver { get; private set; }

    /// <summary>Starts a node and runs it until its replicas are there.</summary>
    /// <exception cref="DiskCrashedException">The disk has crashed on the way.</exception>
    public static MemberLife Start(ClusterWorld world, SimulatedMember member, NodeLife name)
    {
        var thread = new SimulatedThread(world.Random);
        var time = new ManualTimeProvider { WallOffset = world.WallClockAt(member) };
        thread.MayCommit = DiskTimes(world, member, time);
        var faults = new List<ActorFault>();
        var notices = new List<StoreNotice>();
        var store = NodeStore.Open(member.Disk, new StoreOptions { NodeName = member.Name, Log = SimulatedNode.LogOptions, Segments = SimulatedNode.SegmentOptions }, time);
        var system = EmbeddedActorSystem.Create(
            member.Name, new ActorSystemOptions { TimeProvider = time, Dispatcher = thread.Actors, Seed = world.Random.Next(), OnFault = faults.Add });
        var services = new NodeServices(new BrokerServerOptions
        {
            NodeId = member.Name,
            TimeProvider = time,
            ShardCount = world.Options.Placement.Shards,
            Limits = new BrokerLimits { Queue = SimulatedNode.QueueLimits },
            Storage = new BrokerStorageOptions
            {
                Store = store,
                Metadata = null!, // the world stands for everybody who would ask it
                Scheduler = thread,
                Log = SimulatedNode.LogOptions,
                SegmentBytes = SimulatedNode.SegmentOptions.SegmentBytes,
                MinFreeBytes = 0,
                OnNotice = notices.Add,
            },
            Cluster = new BrokerClusterOptions
            {
                Placement = world.Options.Placement,
                Replication = world.Options.Replication,
                Links = world.Options.Links,
                Dial = new QuicClientOptions
                {
                    Tls = new QuicTlsOptions { TrustedRootsPem = default },
                    ApplicationProtocols = [],
                    EndPoint = new IPEndPoint(IPAddress.Loopback, 1),
                    ServerName = member.Name,
                },
            },
        });
        var life = new MemberLife(member, thread, time, system, services) { Faults = faults, Notices = notices };
        try
        {
            life.Await(() => life.StartAsync(world, name));
            thread.Actors.HoldUntil = world.HoldActorUntil;
        }
        catch
        {
            life.End();
            throw;
        }

        return life;
    }

    /// <summary>Lets go of it as a crash does: nothing is shut down.</summary>
    public void End()
    {
        IsOver = true;
        _system.Metrics.Dispose();
    }

    /// <summary>Actors that were held back until now go on.</summary>
    public void Release(TimeSpan now) => _thread.Actors.Release(now);

    /// <summary>Runs something that is ready.</summary>
    /// <returns><c>false</c> if nothing is.</returns>
    /// <exception cref="DiskCrashedException">The disk has crashed.</exception>
    public bool Step()
    {
        var any = _thread.Step();
        return !Member.Disk.HasCrashed ? any : throw new DiskCrashedException();
    }

    /// <summary>How a replica is, as it was when it was asked last.</summary>
    public ReplicaStatus StatusOf(int shard)
    {
        Cluster.Replicas[shard].Tell(new ReplicaCommand.Describe(), _asker);
        return _statuses.GetValueOrDefault(shard) ?? new ReplicaStatus(shard, "unknown", 0, 1, 0, 0, []);
    }

    /// <summary>Until they are asked again and have answered, nothing is known of the replicas.</summary>
    public void ForgetStatuses() => _statuses.Clear();

    /// <summary>The queue's actor, if this node has one.</summary>
    public LocalQueue? Find(ClusterQueue queue) => Services.Queues.TryGet(queue.Name, out var found) && found is { IsAvailable: true, IsLocal: true } && found.Id == queue.Definition.Id ? found : null;

    /// <summary>To what starts queues here: something was declared, or is gone.</summary>
    public void TellOfDeclarations() => _queues.Tell(SimulatedQueues.DeclarationsChanged.Instance);

    /// <summary>A disk takes its time, now and then much. A log for which it has no room is tried again after a while.</summary>
    private static Func<WriteAheadLog, bool> DiskTimes(ClusterWorld world, SimulatedMember member, ManualTimeProvider time)
    {
        var next = 0L;
        return log =>
        {
            if (time.GetTimestamp() < next)
            {
                return false;
            }

            var delay = log.State == LogState.Full ? TimeSpan.FromMilliseconds(100)
                : member.IsDiskSlow ? world.Delay(100, 500)
                : !world.IsCalm && world.Random.Next(12) == 0 ? world.Delay(0, 300) : world.Delay(0, 4);
            next = time.GetTimestamp() + delay.Ticks;
            return true;
        };
    }

    private async Task StartAsync(ClusterWorld world, NodeLife name)
    {
        await Storage.RecoverAsync(isClustered: true);
        foreach (var mark in Storage.Recovery.Shards.Values.SelectMany(s => s.Ledgers.Values).SelectMany(l => l.Producers.Marks))
        {
            Services.Producers.Note(mark);
        }

        Storage.Options.Scheduler.Start(Storage.Log);
        Storage.Keeper = _system.ActorOf(Props.Create(() => new StoreActor(Services, Storage)), "store");
        Storage.Log.Changed = () => Storage.Keeper.Tell(StoreMessage.Check.Instance);
        Cluster.Identity = new LinkIdentity("simulated", name, Member.Store);
        Cluster.Cluster = _system.ActorOf(Props.Create(() => new SimulatedAgreement(world, this)), "cluster");
        await ReplicaActors.StartAsync(_system, Services);
        _asker = _system.ActorOf(Props.Create(() => new Asker(_statuses)));
        Services.IsServing = true; // dead letters are routed at once
        _queues = _system.ActorOf(Props.Create(() => new SimulatedQueues(world, Services)), "queues");
        foreach (var other in world.Members.Where(m => m != Member))
        {
            var link = _system.ActorOf(Props.Create(() => new SimulatedLinkActor(other.Name)), $"link-{other.Name}");
            Links.Add(other.Name, link);
            Cluster.Links.Add(other.Name, link, new LinkStatus(other.Name));
        }
    }

    private void Await(Func<Task> start)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_thread);
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
            Assert.True(Step() || task.IsCompleted, $"{Member} does not start, and nothing is left to do; faults: {string.Join("; ", Faults.Select(f => f.Exception))}");
            Assert.True(steps < MaxStartSteps, $"{Member} has not started after {MaxStartSteps} steps");
        }

        task.GetAwaiter().GetResult();
    }

    private sealed class Asker(Dictionary<int, ReplicaStatus> statuses) : Actor
    {
        protected override void Receive(object message)
        {
            var status = (ReplicaStatus)message;
            statuses[status.Shard] = status;
        }
    }
}
