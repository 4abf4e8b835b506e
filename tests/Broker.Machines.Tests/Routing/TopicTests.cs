using System.Diagnostics;
using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;

namespace Broker.Machines.Tests.Routing;

public class TopicTests
{
    private readonly Exchanges _exchanges = new();

    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "A", false)]
    [InlineData("a.b", "a.b", true)]
    [InlineData("a.b", "a", false)]
    [InlineData("a", "a.b", false)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("a", "", false)]
    [InlineData("*", "a", true)]
    [InlineData("*", "", false)] // an empty key has no word
    [InlineData("*", "a.b", false)]
    [InlineData("*.*", "a.b", true)]
    [InlineData("*.*", ".", true)] // two words, which are empty
    [InlineData("*.*", "a.", true)]
    [InlineData("a.", "a.", true)]
    [InlineData("a.", "a", false)]
    [InlineData("a..b", "a..b", true)]
    [InlineData("a.*.b", "a..b", true)]
    [InlineData("a.*.b", "a.x.b", true)]
    [InlineData("a.*.b", "a.b", false)]
    [InlineData("#", "", true)]
    [InlineData("#", "a", true)]
    [InlineData("#", "a.b.c", true)]
    [InlineData("#.#", "", true)]
    [InlineData("#.#.#", "a.b", true)]
    [InlineData("a.#", "a", true)]
    [InlineData("a.#", "a.b", true)]
    [InlineData("a.#", "a.b.c", true)]
    [InlineData("a.#", "b.a", false)]
    [InlineData("#.a", "a", true)]
    [InlineData("#.a", "b.c.a", true)]
    [InlineData("#.a", "a.b", false)]
    [InlineData("#.a", "a.b.a", true)]
    [InlineData("a.#.b", "a.b", true)]
    [InlineData("a.#.b", "a.x.y.b", true)]
    [InlineData("a.#.b", "a.x.y", false)]
    [InlineData("a.#.b", "a", false)]
    [InlineData("*.#", "", false)]
    [InlineData("*.#", "a", true)]
    [InlineData("#.*", "a", true)]
    [InlineData("#.*", "", false)]
    [InlineData("#.*.#", "a.b.c", true)]
    [InlineData("*.#.*", "a", false)]
    [InlineData("*.#.*", "a.b", true)]
    [InlineData("a*", "ab", false)] // wildcards are whole words
    [InlineData("a*", "a*", true)]
    [InlineData("#a", "a", false)]
    [InlineData("a.*", "a.*", true)]
    [InlineData("a.b", "a.*", false)] // in a message's key they are words like others
    [InlineData("a.b", "#", false)]
    [InlineData("ä.*", "ä.ö", true)]
    public void Pattern_matches_as_in_RabbitMQ(string pattern, string key, bool matches)
    {
        _exchanges.Bind("amq.topic", "q", pattern);
        Assert.Equal(matches, _exchanges.Route("amq.topic", key).Length == 1);
        Assert.Equal(matches, IsMatch(pattern.Length == 0 ? [] : pattern.Split('.'), key.Length == 0 ? [] : key.Split('.')));
        _exchanges.Unbind(new Binding("amq.topic", "q", pattern));
        Assert.Empty(_exchanges.Route("amq.topic", key));
    }

    [Fact]
    public void Queue_that_several_patterns_match_is_found_once()
    {
        _exchanges.Bind("amq.topic", "q", "#").Bind("amq.topic", "q", "a.*").Bind("amq.topic", "q", "*.b").Bind("amq.topic", "r", "a.b").Bind("amq.topic", "r", "b.a");
        Assert.Equal(["q", "r"], _exchanges.Route("amq.topic", "a.b"));
    }

    [Fact]
    public void Nothing_of_a_pattern_is_left_when_it_is_unbound()
    {
        string[] patterns = ["a.b.c", "a.*.c", "#.b.#", "*", "#", "a.b"];
        foreach (var pattern in patterns)
        {
            _exchanges.Bind("amq.topic", "q", pattern);
        }

        foreach (var pattern in patterns)
        {
            _exchanges.Unbind(new Binding("amq.topic", "q", pattern));
        }

        Assert.Equal(0, _exchanges["amq.topic"].BindingCount);
        Assert.All(new[] { "a.b.c", "b", "", "a.b" }, key => Assert.Empty(_exchanges.Route("amq.topic", key)));
    }

    /// <summary>With every pattern followed by itself, this one has 10^17 ways to match.</summary>
    [Fact]
    public void Pattern_of_many_wildcards_does_not_explode()
    {
        _exchanges.Bind("amq.topic", "q", string.Join('.', Enumerable.Repeat("#.a", 60))).Bind("amq.topic", "r", string.Join('.', Enumerable.Repeat("#.*.a", 30)) + ".b");
        var key = string.Join('.', Enumerable.Repeat("a", 127));
        var started = Stopwatch.GetTimestamp();
        Assert.Equal(["q"], _exchanges.Route("amq.topic", key));
        Assert.Empty(_exchanges.Route("amq.topic", key + ".c"));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(20)); // a millisecond, or for ever
    }

    [Fact]
    public void Route_costs_nothing_for_bindings_that_do_not_match()
    {
        _exchanges.Bind("amq.topic", "q", "stock.*.nyse").Bind("amq.topic", "q", "stock.#");
        Assert.Equal(["q"], _exchanges.Route("amq.topic", "stock.ibm.nyse"));
        var few = BytesOfRoute();
        for (var i = 0; i < 20_000; i++)
        {
            _exchanges.Bind("amq.topic", "other", $"stock{i}.*.nyse").Bind("amq.topic", "other", $"*.x{i}.#");
        }

        Assert.Equal(["q"], _exchanges.Route("amq.topic", "stock.ibm.nyse"));
        Assert.InRange(BytesOfRoute(), few / 2, few + 500); // the words, and what was found

        long BytesOfRoute()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Single(_exchanges.Follow("amq.topic", "stock.ibm.nyse").Queues);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Tree_finds_what_a_naive_matcher_finds()
    {
        string[] words = ["a", "b", "c", "", "*", "#"];
        RandomHistories.Check(
            10_000,
            40,
            random => (
                Kind: random.Next(5),
                Queue: $"q{random.Next(6)}",
                Pattern: string.Join('.', Enumerable.Range(0, random.Next(1, 6)).Select(_ => words[random.Next(random.Next(2) == 0 ? 6 : 3)])),
                Key: string.Join('.', Enumerable.Range(0, random.Next(0, 7)).Select(_ => words[random.Next(4)]))),
            steps =>
            {
                var exchanges = new Exchanges();
                var bound = new HashSet<(string Queue, string Pattern)>();
                foreach (var (kind, queue, pattern, key) in steps)
                {
                    if (kind < 3)
                    {
                        exchanges.Bind("amq.topic", queue, pattern);
                        bound.Add((queue, pattern));
                    }
                    else if (kind == 3)
                    {
                        var (goneQueue, gonePattern) = bound.Count > 0 ? bound.OrderBy(b => b).First() : (queue, pattern);
                        exchanges.Unbind(new Binding("amq.topic", goneQueue, gonePattern));
                        bound.Remove((goneQueue, gonePattern));
                    }

                    string[] expected = [.. bound.Where(b => IsMatch(Words(b.Pattern), Words(key))).Select(b => b.Queue).Distinct().Order(StringComparer.Ordinal)];
                    Same.Sequence(expected, exchanges.Route("amq.topic", key));
                }
            });

        static string[] Words(string text) => text.Length == 0 ? [] : text.Split('.');
    }

    /// <summary>As it is defined.</summary>
    private static bool IsMatch(ReadOnlySpan<string> pattern, ReadOnlySpan<string> key)
    {
        if (pattern.IsEmpty)
        {
            return key.IsEmpty;
        }

        if (pattern[0] == "#")
        {
            return IsMatch(pattern[1..], key) || (!key.IsEmpty && IsMatch(pattern, key[1..]));
        }

        return !key.IsEmpty && (pattern[0] == "*" || pattern[0] == key[0]) && IsMatch(pattern[1..], key[1..]);
    }
}
