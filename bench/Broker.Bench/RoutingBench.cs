using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Bench;

/// <summary>How long one topic exchange takes to find the queues of a message, without a node around it: no cached result, one thread, keys that differ each time.</summary>
internal sealed class RoutingBench(int routes, int runs)
{
    private const int Words = 1_000;

    /// <summary>One exchange and its bindings.</summary>
    private sealed class OneExchange(ExchangeMachine machine) : IRouter
    {
        private ExchangeRoutes _routes = machine.Snapshot();

        public long Version { get; private set; } = 1;

        public void Publish() => (_routes, Version) = (machine.Snapshot(), Version + 1);

        public bool TryFind(string exchange, [MaybeNullWhen(false)] out ExchangeRoutes routes)
        {
            routes = _routes;
            return true;
        }

        public bool HasQueue(string queue) => false;

        public bool IsLedHere(string queue) => true;
    }

    public void Run()
    {
        Console.WriteLine($"{"bindings",10} {"matching",9} {"bind us",9} {"p50 us",8} {"p99 us",8} {"p99.9 us",9}");
        foreach (var bindings in new[] { 100, 1_000, 10_000, 100_000 })
        {
            for (var run = 0; run < runs; run++)
            {
                Measure(bindings);
            }
        }
    }

    /// <summary>Patterns such as <c>stock.w17.*.w512.#</c>; of each message's key a handful matches, however many there are.</summary>
    private void Measure(int bindings)
    {
        var random = new Random(7);
        var machine = new ExchangeMachine(new ExchangeDefinition("x", ExchangeKind.Topic));
        var router = new OneExchange(machine);
        foreach (var pattern in new[] { "stock.#", "stock.*.*.end", "#.end" })
        {
            machine.HandleBind(new Binding("x", $"matching {pattern}", pattern));
        }

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < bindings; i++)
        {
            machine.HandleBind(new Binding("x", $"q{i % 1_000}", PatternOf(random, i)));
        }

        var bind = Stopwatch.GetElapsedTime(started) / bindings;
        router.Publish();
        var walk = new RouteWalk(router);
        var latencies = new Latencies();
        var matching = 0L;
        for (var i = 0; i < routes * 2; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"stock.w{random.Next(Words)}.w{random.Next(Words)}.end");
            var at = Stopwatch.GetTimestamp();
            var message = new RoutedMessage(key, default, (ulong)i);
            walk.Follow("x", ref message);
            var elapsed = Stopwatch.GetElapsedTime(at);
            if (i >= routes) // the first half warms up
            {
                latencies.Add(elapsed);
                matching += walk.Result.Queues.Length;
            }
        }

        var (half, most, nearlyAll) = (latencies.Percentile(0.5), latencies.Percentile(0.99), latencies.Percentile(0.999));
        var line = $"{bindings,10:#,##0} {(double)matching / routes,9:0.0} {bind.TotalMicroseconds,9:0.00} {half,8:0.00} {most,8:0.00} {nearlyAll,9:0.00}";
        Console.WriteLine(line);
    }

    private static string PatternOf(Random random, int i) => (i % 4) switch
    {
        0 => $"order.w{random.Next(Words)}.w{random.Next(Words)}.w{random.Next(Words)}",
        1 => $"order.*.w{random.Next(Words)}.w{random.Next(Words)}",
        2 => $"stock.w{random.Next(Words)}.w{random.Next(Words)}.w{random.Next(Words)}", // as far as the last word along the way of a message
        _ => $"*.w{random.Next(Words)}.w{random.Next(Words)}.other.#",
    };
}
