using System.CommandLine;
using Broker.Client;

namespace Broker.Bench.Peers;

/// <summary>What <c>bench/compare.sh</c> calls.</summary>
internal static class PeerCommands
{
    private static readonly Option<FileInfo> s_results = new("--results") { Description = "File with a line for each turn", Required = true };

    /// <summary><c>peer</c>: one turn.</summary>
    public static Command Peer(Option<string[]> addresses, Option<int[]> processes, Option<double> seconds)
    {
        var broker = new Argument<string>("broker") { Description = "What runs at the addresses: ours, rabbitmq or jetstream" };
        broker.AcceptOnlyFromAmong("ours", "rabbitmq", "jetstream");
        var certificates = new Option<DirectoryInfo>("--certs") { Description = "Folder with development certificates; for ours only" };
        var peer = new Command("peer", "Measures a cluster of this or another broker, and kills the node that leads.") { broker, addresses, processes, certificates, seconds, s_results };
        peer.SetAction(async (parsed, _) => await Turn.RunAsync(
            parsed.GetValue(broker)!,
            [.. parsed.GetValue(addresses)!.Select(BrokerEndpoint.Parse)],
            new ComparedProcesses(parsed.GetValue(processes)!),
            parsed.GetValue(certificates),
            parsed.GetValue(seconds),
            parsed.GetValue(s_results)!));
        return peer;
    }

    /// <summary><c>comparison</c>: the table of all turns.</summary>
    public static Command Comparison()
    {
        var comparison = new Command("comparison", "Prints what turns have given as a table.") { s_results };
        comparison.SetAction(parsed => Peers.Comparison.Read(parsed.GetValue(s_results)!).Print());
        return comparison;
    }
}
