using System.Text.Json;

namespace Broker.Bench.Peers;

/// <summary>All turns of a run as a table in Markdown: medians, and the lowest and the highest where there are several.</summary>
internal sealed class Comparison
{
    private static readonly (string Key, string Name)[] s_brokers =
    [
        ("ours", "**this broker**"), ("rabbitmq", "RabbitMQ, quorum queue"), ("jetstream", "JetStream R3; a confirm does not wait for the disk"),
    ];

    private readonly Dictionary<string, List<TurnResult>> _turns;

    private Comparison(IEnumerable<TurnResult> turns) => _turns = turns.GroupBy(static t => t.Broker).ToDictionary(static g => g.Key, static g => g.ToList());

    /// <summary>Reads the lines that turns have left.</summary>
    public static Comparison Read(FileInfo results) => new(File.ReadLines(results.FullName).Select(static line => JsonSerializer.Deserialize<TurnResult>(line)!));

    public void Print()
    {
        Console.WriteLine("| 1 producer, 1 consumer, window 256 | msg/s | times RabbitMQ | publish to confirm, p50 / p99 | CPU of all brokers for one | others' share of the machine |");
        Console.WriteLine("|---|---|---|---|---|---|");
        PrintSteady("clients at the leader's node", static t => t.AtLeader);
        PrintSteady("clients at a node that does not lead", static t => t.AtOther);
        Console.WriteLine();
        Console.WriteLine("| `kill -9` of the leader's node under load: first confirm after | clients at another node | clients at the killed node |");
        Console.WriteLine("|---|---|---|");
        foreach (var (name, turns) in Present())
        {
            Console.WriteLine($"| {name} | {Failover(turns.Select(static t => t.Failover.AtOther))} | {Failover(turns.Select(static t => t.Failover.AtKilled))} |");
        }
    }

    private void PrintSteady(string where, Func<TurnResult, SteadyResult> way)
    {
        foreach (var (name, turns) in Present())
        {
            var results = turns.Select(way).ToList();
            Console.WriteLine($"| {name}, {where} | {Range(results.Select(static r => r.Rate), "#,##0")} | {TimesRabbit(results, way)} "
                + $"| {Median(results.Select(static r => r.ConfirmP50 / 1000)):0.0} / {Median(results.Select(static r => r.ConfirmP99 / 1000)):0.0} ms "
                + $"| {Median(results.Select(static r => r.CpuMicroseconds)):0} us | {Range(results.Select(static r => r.OthersShare * 100), "0")} % |");
        }
    }

    /// <summary>Of turns in the same round, which were side by side.</summary>
    private string TimesRabbit(List<SteadyResult> results, Func<TurnResult, SteadyResult> way) =>
        _turns.TryGetValue("rabbitmq", out var rabbit) ? Range(results.Zip(rabbit.Select(way)).Select(static pair => pair.First.Rate / pair.Second.Rate), "0.0") : "";

    private IEnumerable<(string Name, List<TurnResult> Turns)> Present() => from broker in s_brokers where _turns.ContainsKey(broker.Key) select (broker.Name, _turns[broker.Key]);

    private static string Failover(IEnumerable<double?> milliseconds) =>
        Range(milliseconds.Select(static m => m ?? double.PositiveInfinity), "#,##0' ms'").Replace("Infinity", $"more than {FailoverLoad.Patience.TotalSeconds:0} s", StringComparison.Ordinal);

    private static double Median(IEnumerable<double> values) => new Samples([.. values]).Median;

    private static string Range(IEnumerable<double> values, string format)
    {
        var sorted = values.Order().ToList();
        var median = Median(sorted).ToString(format, null);
        return sorted.Count == 1 ? median : $"{median} ({sorted[0].ToString(format, null)} to {sorted[^1].ToString(format, null)})";
    }
}
