using System.Text.Json;
using Broker.Client;

namespace Broker.Bench.Peers;

/// <summary>What one turn of one broker gave, a line of the file that <see cref="Comparison"/> reads.</summary>
/// <param name="Broker"><c>ours</c>, <c>rabbitmq</c> or <c>jetstream</c>.</param>
/// <param name="AtLeader">Clients at the node that leads the queue.</param>
/// <param name="AtOther">Clients at a node that does not.</param>
/// <param name="Failover">After a kill of the leader's node.</param>
internal sealed record TurnResult(string Broker, SteadyResult AtLeader, SteadyResult AtOther, FailoverResult Failover);

/// <summary>A turn: all measurements of one broker, whose cluster has just started and is of no use afterwards, because a node was killed.</summary>
internal static class Turn
{
    /// <summary>
    /// For each way, until what runs often is compiled for good, in the nodes and here. After 2 s, on a machine that had other work, a message cost this broker's
    /// nodes 236 us of CPU time; 40 to 80 later.
    /// </summary>
    private const double WarmUpSeconds = 5;


    /// <summary>Measures, and appends the result to a file.</summary>
    /// <param name="name"><see cref="TurnResult.Broker"/>.</param>
    /// <param name="nodes">Addresses of the nodes.</param>
    /// <param name="processes">Their processes in the same order, then others that are counted.</param>
    /// <param name="certificates">Folder with certificates for clients; the others have none.</param>
    /// <param name="seconds">Length of one measurement.</param>
    /// <param name="results">The file.</param>
    public static async Task RunAsync(string name, IReadOnlyList<BrokerEndpoint> nodes, ComparedProcesses processes, DirectoryInfo? certificates, double seconds, FileInfo results)
    {
        await using IComparedBroker broker = name switch
        {
            "ours" => new OwnBroker(nodes, certificates ?? throw new ArgumentException("name the folder with certificates", nameof(certificates))),
            "rabbitmq" => new RabbitBroker(nodes),
            _ => new JetStreamBroker(nodes),
        };
        await broker.PrepareAsync();
        await SteadyLoad.RunAsync(broker, processes, await broker.LeaderAsync(), WarmUpSeconds);
        await SteadyLoad.RunAsync(broker, processes, (await broker.LeaderAsync() + 1) % nodes.Count, WarmUpSeconds);
        var atLeader = await SteadyLoad.RunAsync(broker, processes, await broker.LeaderAsync(), seconds);
        Print(name, "at the leader's node", atLeader);
        var atOther = await SteadyLoad.RunAsync(broker, processes, (await broker.LeaderAsync() + 1) % nodes.Count, seconds);
        Print(name, "at another node", atOther);
        var failover = await FailoverLoad.RunAsync(broker, processes, await broker.LeaderAsync(), nodes.Count);
        Console.WriteLine($"{name,-10} writes go on after {Milliseconds(failover.AtOther)} at another node, {Milliseconds(failover.AtKilled)} from the killed one");
        await File.AppendAllLinesAsync(results.FullName, [JsonSerializer.Serialize(new TurnResult(name, atLeader, atOther, failover))]);
    }

    private static void Print(string name, string where, SteadyResult result) => Console.WriteLine(
        $"{name,-10} clients {where,-21} {result.Rate,8:#,##0} msg/s   confirm {result.ConfirmP50 / 1000:0.0} / {result.ConfirmP99 / 1000:0.0} ms"
        + $"   CPU {result.CpuMicroseconds:0} us   others {result.OthersShare:0 %}");

    private static string Milliseconds(double? value) => value is { } known ? $"{known:0} ms" : $"more than {FailoverLoad.Patience.TotalSeconds:0} s";
}
