using System.Net;
using Broker.Client;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Bench;

/// <summary>All measurements in order. Server and load are two processes on one machine and share its cores, so compare within one run.</summary>
internal sealed class BenchSuite(string transportKind, DirectoryInfo certificates, FileInfo nodeAssembly, double seconds, int runs, string only)
{
    private const int IdleConnections = 1000;
    private const int IdleQueues = 100_000;

    public static QuicTlsOptions Tls(DirectoryInfo folder, string name) => QuicTlsOptions.FromFiles(
        Path.Combine(folder.FullName, $"{name}.pem"), Path.Combine(folder.FullName, $"{name}.key"), Path.Combine(folder.FullName, "ca.pem"));

    public async Task RunAsync()
    {
        await using (var probe = QuicTransports.Create(transportKind))
        {
            Console.WriteLine($"{Environment.ProcessorCount} cores, .NET {Environment.Version}, {probe.Name} {probe.LibraryVersions}; {runs} runs of {seconds} s each: median, half the range, [runs]");
        }

        await MeasureRawAsync();
        await MeasureBrokerAsync();
    }

    private async Task MeasureBrokerAsync()
    {
        var data = Directory.CreateTempSubdirectory("broker-bench-");
        try
        {
            await using var transport = QuicTransports.Create(transportKind);
            // A node of its own for each run: memory that connections have left behind would hide what new ones take.
            await PrintAsync($"broker memory per idle connection, {IdleConnections} of them", "KiB", async () =>
            {
                await using var fresh = await StartNodeAsync(data.FullName);
                var idle = new BrokerBench(Options(fresh, transport), fresh, 1);
                await idle.EndToEndAsync(1024, 1, acknowledge: true); // code that every connection shares is not one connection's memory
                return await idle.IdleConnectionAsync(IdleConnections);
            });

            await MeasureQueueCountAsync(transport, durable: true);
            await MeasureQueueCountAsync(transport, durable: false);
            await using var node = await StartNodeAsync(data.FullName);
            await new BrokerBench(Options(node, transport), node, 2).EndToEndAsync(1024, 1, acknowledge: true); // warms both processes up
            var bench = new BrokerBench(Options(node, transport), node, seconds);
            await PrintRateAsync("broker 1 KiB, 1 producer 1 consumer, no-ack", () => bench.EndToEndAsync(1024, 1, acknowledge: false));
            await PrintRateAsync("broker 1 KiB, 1 producer 1 consumer, acked", () => bench.EndToEndAsync(1024, 1, acknowledge: true));
            await PrintRateAsync("broker 100 B, 1 producer 1 consumer, no-ack", () => bench.EndToEndAsync(100, 1, acknowledge: false));
            await PrintRateAsync("broker 100 B, 1 producer 1 consumer, acked", () => bench.EndToEndAsync(100, 1, acknowledge: true));
            await PrintRateAsync("broker 1 KiB, 10 producers 10 consumers, acked", () => bench.EndToEndAsync(1024, 10, acknowledge: true));
            await PrintLatenciesAsync("broker confirm latency at 1,000 msg/s of 1 KiB", () => bench.ConfirmLatencyAsync(durable: false));
            var durable = new DurableBench(Options(node, transport), () => node.CpuTime, seconds);
            await PrintLatenciesAsync("durable confirm latency at 1,000 msg/s of 1 KiB", () => bench.ConfirmLatencyAsync(durable: true));
            await PrintDurableAsync("durable 1 KiB, 1 queue, window 256", () => durable.RunAsync(1, 1024, 256));
            await PrintDurableAsync("durable 1 KiB, 1 queue, window 8192", () => durable.RunAsync(1, 1024, 8192));
            await PrintDurableAsync("durable 1 KiB, 1,000 queues, window 256", () => durable.RunAsync(1000, 1024, 256));
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    /// <summary>Once only, in a store of its own: what it leaves would slow down what follows.</summary>
    private async Task MeasureQueueCountAsync(IQuicTransport transport, bool durable)
    {
        var what = $"{(durable ? "durable" : "transient")} queues, {IdleQueues:N0} of them";
        if (!Wanted(what))
        {
            return;
        }

        var data = Directory.CreateTempSubdirectory("broker-bench-");
        try
        {
            await using var node = await StartNodeAsync(data.FullName);
            var result = await QueueCountBench.RunAsync(Options(node, transport), node, IdleQueues, durable);
            Console.WriteLine(new Row($"{what}: declared", "1/s", new Samples([result.DeclaresPerSecond])));
            Console.WriteLine(new Row("  the last tenth of them", "1/s", new Samples([result.LastPerSecond])));
            Console.WriteLine(new Row("  memory for one", "KiB", new Samples([result.KiBPerQueue])));
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    private Task<ChildProcess> StartNodeAsync(string data) => ChildProcess.StartAsync(
        nodeAssembly.FullName,
        ["--data", data, "--certs", certificates.FullName, "--listen", "127.0.0.1", "--port", "0", "--transport", transportKind],
        "serves udp ");

    private BrokerClientOptions Options(ChildProcess node, IQuicTransport transport) => new()
    {
        Endpoints = [BrokerEndpoint.Parse(node.ReadyLine.Split("serves udp ")[1].Split(' ')[0])],
        ServerName = "localhost",
        Tls = Tls(certificates, "client"),
        Transport = transport,
    };

    private async Task MeasureRawAsync()
    {
        if (!Wanted("raw bulk", "raw messages", "raw round trip", "raw streams"))
        {
            return;
        }

        await using var server = await ChildProcess.StartAsync(
            Environment.GetCommandLineArgs()[0], ["raw-server", "--transport", transportKind, "--certs", certificates.FullName], "listening on ");
        await using var transport = QuicTransports.Create(transportKind);
        await using var connection = await transport.ConnectAsync(new QuicClientOptions
        {
            EndPoint = IPEndPoint.Parse(server.ReadyLine["listening on ".Length..]),
            ServerName = "localhost",
            Tls = Tls(certificates, "client"),
            ApplicationProtocols = ["bench"],
        });
        var warmUp = new RawBench(connection, 0.5);
        await warmUp.BulkAsync();
        await warmUp.MessagesAsync();
        await warmUp.RoundTripAsync();
        await warmUp.StreamsAsync();
        var bench = new RawBench(connection, seconds);
        await PrintAsync("raw bulk, one stream", "MiB/s", bench.BulkAsync);
        await PrintAsync("raw messages of 1 KiB, one stream", "msg/s", bench.MessagesAsync);
        await PrintLatenciesAsync("raw round trip of 100 B", bench.RoundTripAsync);
        await PrintAsync("raw streams: open, echo 100 B, close", "1/s", bench.StreamsAsync);
    }

    private async Task PrintLatenciesAsync(string what, Func<Task<Latencies>> measure)
    {
        if (!Wanted(what))
        {
            return;
        }

        var taken = new List<Latencies>();
        for (var i = 0; i < runs; i++)
        {
            taken.Add(await measure());
        }

        foreach (var (name, share) in new[] { ("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999) })
        {
            Console.WriteLine(new Row($"{what}, {name}", "us", new Samples([.. taken.Select(l => l.Percentile(share))])));
        }
    }

    private async Task PrintRateAsync(string what, Func<Task<(double Rate, double NodeMicroseconds)>> measure)
    {
        if (!Wanted(what))
        {
            return;
        }

        var taken = new List<(double Rate, double NodeMicroseconds)>();
        for (var i = 0; i < runs; i++)
        {
            taken.Add(await measure());
        }

        Console.WriteLine(new Row(what, "msg/s", new Samples([.. taken.Select(t => t.Rate)])));
        Console.WriteLine(new Row("  CPU of the node for one of them", "us", new Samples([.. taken.Select(t => t.NodeMicroseconds)])));
    }

    private async Task PrintDurableAsync(string what, Func<Task<DurableResult>> measure)
    {
        if (!Wanted(what))
        {
            return;
        }

        var taken = new List<DurableResult>();
        for (var i = 0; i < runs; i++)
        {
            taken.Add(await measure());
        }

        Console.WriteLine(new Row(what, "msg/s", new Samples([.. taken.Select(t => t.Rate)])));
        Console.WriteLine(new Row("  CPU of the node for one of them", "us", new Samples([.. taken.Select(t => t.NodeMicroseconds)])));
        foreach (var (name, share) in new[] { ("p50", 0.5), ("p99", 0.99) })
        {
            Console.WriteLine(new Row($"  publish to confirm, {name}", "us", new Samples([.. taken.Select(t => t.Confirm.Percentile(share))])));
            Console.WriteLine(new Row($"  publish to receipt, {name}", "us", new Samples([.. taken.Select(t => t.EndToEnd.Percentile(share))])));
        }
    }

    private bool Wanted(params string[] names) => names.Any(n => n.Contains(only, StringComparison.OrdinalIgnoreCase));

    private async Task PrintAsync(string what, string unit, Func<Task<double>> measure)
    {
        if (Wanted(what))
        {
            Console.WriteLine(new Row(what, unit, await Samples.TakeAsync(runs, measure)));
        }
    }
}
