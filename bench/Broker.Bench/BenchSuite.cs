using System.Net;
using Broker.Transport;
using Broker.Transport.Auto;

namespace Broker.Bench;

/// <summary>All measurements in order. Server and load are two processes on one machine and share its cores, so compare within one run.</summary>
internal sealed class BenchSuite(string transportKind, DirectoryInfo certificates, double seconds, int runs, string only)
{
    public static QuicTlsOptions Tls(DirectoryInfo folder, string name) => QuicTlsOptions.FromFiles(
        Path.Combine(folder.FullName, $"{name}.pem"), Path.Combine(folder.FullName, $"{name}.key"), Path.Combine(folder.FullName, "ca.pem"));

    public async Task RunAsync()
    {
        await using (var probe = QuicTransports.Create(transportKind))
        {
            Console.WriteLine($"{Environment.ProcessorCount} cores, .NET {Environment.Version}, {probe.Name} {probe.LibraryVersions}; {runs} runs of {seconds} s each: median, half the range, [runs]");
        }

        await MeasureRawAsync();
    }

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
        await PrintAsync("raw round trip of 100 B, p50", "us", async () => (await bench.RoundTripAsync()).Percentile(0.5));
        await PrintAsync("raw round trip of 100 B, p99", "us", async () => (await bench.RoundTripAsync()).Percentile(0.99));
        await PrintAsync("raw streams: open, echo 100 B, close", "1/s", bench.StreamsAsync);
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
