using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Transport.Tests;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>A cluster, its queues, everybody who uses them, and one fault after the other.</summary>
internal sealed class FaultRun : IAsyncDisposable
{
    private const int QueuesOfANode = 2;
    private const int LastWords = 4_000;
    private readonly ITestOutputHelper _output;
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly Dictionary<string, List<FaultProducer>> _producers = [];
    private readonly Random _random = new(FaultSettings.Seed);
    private readonly List<(TimeSpan Promise, TimeSpan Pause, string Seen)> _promises = [];
    private int _nextProducer = 100_000;

    private FaultRun(ClusterProcess cluster, ITestOutputHelper output, IEnumerable<string> queues)
    {
        Cluster = cluster;
        _output = output;
        Queues = [.. queues.Select((name, i) => new QueueLog(i + 1, name, Violation))];
        foreach (var node in cluster.Nodes)
        {
            _producers[node.Name] =
            [
                .. Queues.Select(queue => new FaultProducer(NextNumber(), ProducerKind.Usual, [queue])),
                new FaultProducer(NextNumber(), ProducerKind.Named, Queues),
                new FaultProducer(NextNumber(), ProducerKind.Once, Queues),
            ];
        }
    }

    public ClusterProcess Cluster { get; }

    public IReadOnlyList<QueueLog> Queues { get; }

    /// <summary>Starts a cluster with two queues for each node that leads shards, all durable.</summary>
    public static async Task<FaultRun> StartAsync(ITestOutputHelper output, Func<Task<ClusterProcess>>? start = null)
    {
        var cluster = await (start?.Invoke() ?? ClusterProcess.StartAsync(nodes: 3, etcdMembers: 3));
        try
        {
            var leaders = await LeadersAsync(cluster);
            var names = Enumerable.Range(1, 1_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"fault-{i}")).ToList();
            var chosen = names.DistinctBy(name => ClusterProcess.ShardOf(name)).GroupBy(name => leaders[ClusterProcess.ShardOf(name)]).SelectMany(group => group.Take(QueuesOfANode)).ToList();
            await using var client = await cluster.ConnectAsync();
            foreach (var queue in chosen)
            {
                await Wait.For(client.DeclareQueueAsync(queue), $"the declaration of {queue}");
            }

            return new FaultRun(cluster, output, chosen);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public IEnumerable<FaultProducer> ProducersOf(string node) => _producers[node];

    /// <summary>Producers for clients that do not leave their node, one for each queue.</summary>
    public IEnumerable<FaultProducer> NewStayers() => [.. Queues.Select(queue => new FaultProducer(NextNumber(), ProducerKind.Usual, [queue]))];

    public void Violation(string what) => _violations.Enqueue(what);

    /// <summary>The node that leads each queue's shard, by the queue's name.</summary>
    public async Task<Dictionary<string, string>> QueueLeadersAsync()
    {
        var leaders = await LeadersAsync(Cluster);
        return Queues.ToDictionary(queue => queue.Name, queue => leaders[queue.Shard]);
    }

    /// <summary>A node that leads queues and is not the coordinator; if there is none, one that leads queues.</summary>
    public async Task<ClusterNode> VictimAsync()
    {
        var coordinator = await CoordinatorAsync();
        return Cluster[(await QueueLeadersAsync()).Values.Order(StringComparer.Ordinal).MinBy(leader => leader == coordinator.Name)!];
    }

    /// <summary>The node that is the coordinator.</summary>
    public async Task<ClusterNode> CoordinatorAsync()
    {
        var rows = await Wait.Until(
            () => Cluster.Nodes.First(node => node.IsAwake).RunAsync("cluster show"), r => r.Any(IsCoordinator), "there is a coordinator");
        return Cluster[rows.First(IsCoordinator).GetProperty("node").GetString()!];

        static bool IsCoordinator(JsonElement row) => row.GetProperty("coordinator").GetBoolean();
    }

    /// <summary>Has everybody work, does something, waits until every queue confirms again, undoes it, and waits until all is as before.</summary>
    public async Task InjectAsync(Fault fault)
    {
        await using var shift = await FaultShift.BeginAsync(this, _random);
        var victim = fault.Victim;
        var leaders = await QueueLeadersAsync();
        var coordinator = await CoordinatorAsync();
        if (fault.SomeWaitForVictim)
        {
            await shift.AddStayersAsync(victim!);
        }

        var homes = Cluster.Nodes.Where(node => !fault.CutsVictimOff || node != victim).Select(node => node.Name).ToList();
        await using var machine = new MachinePauses();
        var start = Stopwatch.GetTimestamp();
        await fault.DoAsync();
        await UntilConfirmedAsync(homes, fault.What);
        var left = fault.Lasts - Stopwatch.GetElapsedTime(start);
        await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, CancellationToken.None); // the fault's own time
        await UntilConfirmedAsync(homes, fault.What);
        var during = Pauses(start, Stopwatch.GetTimestamp(), victim, leaders);
        var ofMachine = machine.Longest;
        var seen = $"{fault}{(victim is not null && victim == coordinator ? ", the coordinator" : "")}: {during}; the machine itself for up to {ofMachine.TotalMilliseconds:0} ms";
        _output.WriteLine(seen);

        var healing = Stopwatch.GetTimestamp();
        await fault.HealAsync();
        await UntilWholeAsync();
        await UntilConfirmedAsync(Cluster.Nodes.Select(node => node.Name), $"{fault.What} was healed");
        var healed = Stopwatch.GetTimestamp();
        _output.WriteLine($"    healed and whole again after {Stopwatch.GetElapsedTime(healing, healed).TotalSeconds:0.0} s; meanwhile {Pauses(healing, healed, null, leaders)}");
        await shift.EndAsync();
        AssertNoViolations();
        Assert.True(during.Longest < fault.Limit + ofMachine, $"{seen}; at most {fault.Limit.TotalSeconds:0.#} s were expected\n{Transcripts}");
        Assert.True(
            !(during.OfVictimsClients >= fault.LimitForVictimsClients + ofMachine), $"{seen}; at most {fault.LimitForVictimsClients?.TotalSeconds:0.#} s were expected for its clients\n{Transcripts}");
        if (fault.Promise is { } promise)
        {
            _promises.Add((promise, (during.Longest > during.OfVictimsClients ? during.Longest : during.OfVictimsClients) - ofMachine, seen));
        }
    }

    /// <summary>Waits until each queue has confirmed, after now, something to a usual producer of each of some homes.</summary>
    public async Task UntilConfirmedAsync(IEnumerable<string> homes, string after = "the begin of a shift")
    {
        var since = Stopwatch.GetTimestamp();
        var probes = homes.SelectMany(home => Probes(home).Select(probe => (Home: home, Probe: probe))).ToList();
        await Wait.Until(
            () => Task.FromResult(string.Join(", ", probes.Where(p => !p.Probe.HasConfirmedSince(since)).Select(p => $"{p.Probe.Queue.Name} to {p.Home}'s client"))),
            waiting => waiting.Length == 0 || !_violations.IsEmpty,
            $"every queue confirms after {after}",
            TimeSpan.FromSeconds(60));
        AssertNoViolations();
    }

    /// <summary>Waits until all nodes are there and ready, all shards are served, and every replica is in sync.</summary>
    public async Task UntilWholeAsync()
    {
        await Wait.Until(
            async () =>
            {
                var rows = await Cluster.UntilServedAsync();
                var behind = rows.Where(row => row.GetProperty("inSync").GetString()!.Split(' ').Length < Math.Min(3, Cluster.Nodes.Count)).Select(row => row.GetProperty("shard").GetInt32()).ToList();
                return behind.Count == 0 ? "" : $"shards {string.Join(' ', behind)} have replicas that are not in sync";
            },
            problem => problem.Length == 0,
            "all replicas are in sync",
            TimeSpan.FromSeconds(90));
        foreach (var node in Cluster.Nodes)
        {
            await Wait.Until(node.HealthAsync, health => health.Status == System.Net.HttpStatusCode.OK, $"{node.Name} is ready", TimeSpan.FromSeconds(60));
        }
    }

    /// <summary>Takes out of the queues what is in them, and looks at everything that was ever seen.</summary>
    public async Task FinishAsync()
    {
        await UntilWholeAsync();
        foreach (var queue in Queues)
        {
            await DrainAsync(queue);
        }

        await UntilEqualAsync();
        foreach (var faults in _promises.GroupBy(p => p.Promise))
        {
            Assert.True(
                faults.Min(f => f.Pause) < faults.Key, $"not once did writes go on within {faults.Key.TotalSeconds:0.#} s:\n{string.Join('\n', faults.Select(f => f.Seen))}\n{Transcripts}");
        }

        var kept = Queues.Sum(queue => queue.CheckNothingLost());
        AssertNoViolations();
        foreach (var node in Cluster.Nodes)
        {
            var failures = node.Logs.SelectMany(log => log.Split('\n'))
                .Where(line => line.Contains(" in actor ", StringComparison.Ordinal) || line.Contains("fail: ", StringComparison.Ordinal)).ToList();
            Assert.True(failures.Count == 0, $"node {node.Name} has logged failures:\n{string.Join('\n', failures)}");
        }

        _output.WriteLine(
            $"{kept} messages confirmed; {Queues.Sum(q => q.Settled)} settlements confirmed, {Queues.Sum(q => q.Redelivered)} redeliveries, {Queues.Sum(q => q.Drained)} left at the end");
    }

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        if (FaultSettings.Logs is { } folder)
        {
            Directory.CreateDirectory(folder);
            foreach (var (node, log, life) in Cluster.Nodes.SelectMany(node => node.Logs.Select((log, i) => (node, log, i + 1))))
            {
                await File.WriteAllTextAsync(Path.Combine(folder, $"{TestContext.Current.TestMethod?.MethodName}-{node.Name}-{life}.log"), log);
            }
        }
    }

    private static async Task<Dictionary<int, string>> LeadersAsync(ClusterProcess cluster) =>
        (await cluster.UntilServedAsync()).ToDictionary(row => row.GetProperty("shard").GetInt32(), row => row.GetProperty("leader").GetString()!);

    /// <summary>Waits until the replicas of each shard have the same records, all committed.</summary>
    private async Task UntilEqualAsync() => await Wait.Until(
        async () =>
        {
            var replicas = (await Task.WhenAll(Cluster.Nodes.Select(node => node.RunAsync("shard show")))).SelectMany(rows => rows)
                .Select(row => (Shard: row.GetProperty("shard").GetInt32(), Last: row.GetProperty("last").GetInt64(), Committed: row.GetProperty("committed").GetInt64()));
            return string.Join(", ", replicas.GroupBy(r => r.Shard).Where(g => g.Select(r => (r.Last, r.Committed)).Distinct().Count() > 1 || g.Any(r => r.Last != r.Committed)).Select(g =>
                $"shard {g.Key} {string.Join(' ', g.Select(r => $"{r.Last}/{r.Committed}"))}"));
        },
        different => different.Length == 0,
        "all replicas have the same, and have it committed (last and committed index of those that differ)");

    private IEnumerable<FaultProducer> Probes(string home) => _producers[home].Where(producer => producer.Kind == ProducerKind.Usual);

    private FaultPauses Pauses(long start, long end, ClusterNode? victim, Dictionary<string, string> leaders)
    {
        var pauses =
            from home in _producers.Keys
            from probe in Probes(home)
            select (IsOfVictim: home == victim?.Name, IsLed: leaders[probe.Queue.Name] == victim?.Name, Pause: probe.LongestPause(start, end));
        return new FaultPauses([.. pauses], leaders.Values.Count(leader => leader == victim?.Name));
    }

    private async Task DrainAsync(QueueLog queue)
    {
        queue.BeginDrain();
        var leader = await Cluster.LeaderOfAsync(queue.Shard);
        var ready = await ReadyAsync(leader, queue);
        await using var client = await Cluster.ConnectAsync(change: options => options with { RecoverConnection = true }); // leads may still move
        await using var consumer = await client.SubscribeAsync(queue.Name, new ConsumerOptions { ConfirmSettles = true });
        var stream = new QueueLog.Stream();
        for (long taken = 0; taken < ready;)
        {
            using var batch = await Wait.For(consumer.ReadBatchAsync(), $"message {taken} of {ready} in {queue.Name}");
            foreach (var delivery in batch!)
            {
                queue.Delivered(stream, delivery.Body.Span, delivery.Redelivered, delivery.DeliveryCount);
            }

            taken += batch.Count;
            await Wait.For(batch.AckAllAsync().AsTask(), "the confirmation of settlements");
        }

        Assert.Equal(0, await ReadyAsync(leader, queue));
    }

    private static async Task<long> ReadyAsync(ClusterNode leader, QueueLog queue)
    {
        var row = await Wait.Until(
            async () => (await leader.RunAsync("queue list")).Single(row => row.GetProperty("name").GetString() == queue.Name),
            row => row.TryGetProperty("unsettled", out var unsettled) && unsettled.GetInt64() == 0,
            $"nobody holds anything of {queue.Name}");
        return row.GetProperty("ready").GetInt64();
    }

    private int NextNumber() => ++_nextProducer;

    private string Transcripts => string.Join('\n', Cluster.Nodes.SelectMany(node => node.Logs.Select(log => $"--- {node.Name}\n{log.AsSpan(Math.Max(0, log.Length - LastWords))}")));

    private void AssertNoViolations() =>
        Assert.True(_violations.IsEmpty, $"BROKER_FAULT_SEED={FaultSettings.Seed}: {_violations.Count} violations:\n{string.Join('\n', _violations.Take(20))}\n{Transcripts}");
}
