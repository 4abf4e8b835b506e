using System.Diagnostics;
using Broker.Client;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Bench;

/// <summary>Measures a cluster that runs, such as that of <c>./run.sh cluster</c>: one durable queue, by way of its leader's node and by way of another one.</summary>
/// <param name="nodes">Addresses of all nodes.</param>
/// <param name="processes">Their processes, whose time is counted.</param>
/// <param name="certificates">Folder with the certificates of clients.</param>
/// <param name="seconds">Length of one measurement.</param>
/// <param name="runs">How often each is taken.</param>
/// <param name="preferLeader">Measure as well what clients of another node gain that go to the leader's by themselves.</param>
internal sealed class ClusterBench(
    IReadOnlyList<BrokerEndpoint> nodes, IReadOnlyList<int> processes, DirectoryInfo certificates, double seconds, int runs, bool preferLeader)
{
    private const int BodyBytes = 1024;

    public async Task RunAsync()
    {
        await using var transport = QuicTransports.Create("auto");
        Console.WriteLine($"{Environment.ProcessorCount} cores, .NET {Environment.Version}, {transport.Name} {transport.LibraryVersions}; {nodes.Count} nodes on this machine; "
            + $"{runs} runs of {seconds} s each: median, half the range, [runs]");
        var leader = await LeaderAsync(transport);
        var other = nodes.First(n => n != leader);
        await MeasureAsync(transport, leader, 256, 2, atLeader: false); // warms all processes up
        List<(string How, BrokerEndpoint Endpoint, bool AtLeader)> ways = [("at the leader's node", leader, false), ("at another node", other, false)];
        if (preferLeader)
        {
            ways.Add(("of another node, at the leader by PreferLeader", other, true));
        }

        foreach (var window in new[] { 256, 2048 })
        {
            var taken = ways.Select(static _ => new List<DurableResult>()).ToList();
            for (var run = 0; run < runs; run++)
            {
                for (var way = 0; way < ways.Count; way++)
                {
                    taken[way].Add(await MeasureAsync(transport, ways[way].Endpoint, window, seconds, ways[way].AtLeader));
                }
            }

            for (var way = 0; way < ways.Count; way++)
            {
                Print(ways[way].How, window, taken[way]);
            }
        }
    }

    private static void Print(string how, int window, List<DurableResult> taken)
    {
        Console.WriteLine(new Row($"replicated 1 KiB, 1 queue, window {window}, clients {how}", "msg/s", new Samples([.. taken.Select(t => t.Rate)])));
        Console.WriteLine(new Row("  CPU of all nodes for one of them", "us", new Samples([.. taken.Select(t => t.NodeMicroseconds)])));
        foreach (var (name, share) in new[] { ("p50", 0.5), ("p99", 0.99) })
        {
            Console.WriteLine(new Row($"  publish to confirm, {name}", "us", new Samples([.. taken.Select(t => t.Confirm.Percentile(share))])));
            Console.WriteLine(new Row($"  publish to receipt, {name}", "us", new Samples([.. taken.Select(t => t.EndToEnd.Percentile(share))])));
        }
    }

    private Task<DurableResult> MeasureAsync(IQuicTransport transport, BrokerEndpoint endpoint, int window, double length, bool atLeader) =>
        new DurableBench(Options(transport, endpoint), CpuTime, length, atLeader).RunAsync(1, BodyBytes, window);

    private async Task<BrokerEndpoint> LeaderAsync(IQuicTransport transport)
    {
        await using var client = await BrokerClient.ConnectAsync(Options(transport, nodes[0]));
        var queue = await client.DeclareQueueAsync(DurableBench.QueueName(BodyBytes, 0), new QueueOptions { Durable = true });
        return queue.Leader.Length > 0 ? BrokerEndpoint.Parse(queue.Leader) : nodes[0];
    }

    private TimeSpan CpuTime()
    {
        var sum = TimeSpan.Zero;
        foreach (var id in processes)
        {
            using var process = Process.GetProcessById(id);
            sum += process.TotalProcessorTime;
        }

        return sum;
    }

    private BrokerClientOptions Options(IQuicTransport transport, BrokerEndpoint endpoint) => new()
    {
        Endpoints = [endpoint],
        ServerName = "localhost",
        Tls = BenchSuite.Tls(certificates, "client"),
        Transport = transport,
    };
}
