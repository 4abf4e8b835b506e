using Broker.Machines.Tests.Histories;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Routing;

public class HeadersTests
{
    private static readonly Dictionary<string, (string, FieldValue)[]> s_tables = new()
    {
        ["none"] = [],
        ["a1"] = [("a", 1L)],
        ["a1 b2"] = [("a", 1L), ("b", 2L)],
        ["a1 b2 c3"] = [("a", 1L), ("b", 2L), ("c", 3L)],
        ["a2"] = [("a", 2L)],
        ["a'1'"] = [("a", "1")],
        ["a1.0"] = [("a", 1.0)],
        ["a null"] = [("a", FieldValue.Null)],
        ["a true"] = [("a", true)],
        ["a list"] = [("a", FieldValue.List(1L, "x"))],
        ["x-a1"] = [("x-a", 1L)],
        ["x-a1 b2"] = [("x-a", 1L), ("b", 2L)],
        ["b2"] = [("b", 2L)],
    };

    [Theory]
    [InlineData("all", "a1", "a1", true)]
    [InlineData("all", "a1", "a1 b2", true)]
    [InlineData("all", "a1 b2", "a1", false)]
    [InlineData("all", "a1 b2", "a1 b2 c3", true)]
    [InlineData("all", "a1", "a2", false)]
    [InlineData("all", "a1", "a'1'", false)] // a text is no number
    [InlineData("all", "a1", "a1.0", false)]
    [InlineData("all", "a null", "a2", true)] // whatever it is
    [InlineData("all", "a null", "b2", false)]
    [InlineData("all", "a null", "a null", true)]
    [InlineData("all", "a1", "a null", false)]
    [InlineData("all", "a true", "a true", true)]
    [InlineData("all", "a list", "a list", true)]
    [InlineData("all", "none", "a1", true)] // all of nothing
    [InlineData("all", "none", "none", true)]
    [InlineData("all", "x-a1", "none", true)] // names with x- do not count
    [InlineData("all", "x-a1 b2", "b2", true)]
    [InlineData("all-with-x", "x-a1", "none", false)]
    [InlineData("all-with-x", "x-a1", "x-a1", true)]
    [InlineData("all-with-x", "x-a1 b2", "b2", false)]
    [InlineData("any", "a1 b2", "a1", true)]
    [InlineData("any", "a1 b2", "b2", true)]
    [InlineData("any", "a1 b2", "a2", false)]
    [InlineData("any", "none", "a1", false)] // any of nothing
    [InlineData("any", "x-a1", "x-a1", false)]
    [InlineData("any-with-x", "x-a1", "x-a1", true)]
    [InlineData("any-with-x", "x-a1 b2", "b2", true)]
    [InlineData("any", "a null", "a2", true)]
    [InlineData("", "a1 b2", "a1", false)] // all, if nothing is said
    [InlineData("", "a1", "a1 b2", true)]
    public void Binding_matches_as_in_RabbitMQ(string match, string binding, string message, bool matches)
    {
        var exchanges = new Exchanges();
        (string, FieldValue)[] said = match.Length == 0 ? [] : [("x-match", match)];
        foreach (var exchange in new[] { "amq.headers", "amq.match" })
        {
            exchanges.Bind(exchange, "q", "the key does not matter", [.. said, .. s_tables[binding]]);
            Assert.Equal(matches, exchanges.Route(exchange, "any", s_tables[message]).Length == 1);
        }
    }

    [Theory]
    [InlineData("some")]
    [InlineData("ALL")]
    [InlineData("")]
    public void Other_ways_to_match_are_refused(string match)
    {
        var topology = new TopologyMachine();
        topology.Apply(new TopologyChange.QueueAdded(new QueueDefinition("q")));
        var fault = topology.PlanBind(new Binding("amq.headers", "q", "") { Arguments = FieldTable.Of(("x-match", match)) }).Fault;
        Assert.Equal(ErrorCode.InvalidArgument, fault?.Code);
        Assert.Contains("'x-match'", fault?.Reason, StringComparison.Ordinal);
        Assert.Contains("all-with-x", fault?.Reason, StringComparison.Ordinal);
        Assert.Null(topology.PlanBind(new Binding("amq.direct", "q", "") { Arguments = FieldTable.Of(("x-match", match)) }).Fault); // means nothing there
    }

    [Fact]
    public void Message_with_many_headers_is_matched_alike()
    {
        (string, FieldValue)[] headers = [.. Enumerable.Range(0, 200).Select(i => ($"h{i}", (FieldValue)(long)i))];
        var exchanges = new Exchanges().Bind("amq.headers", "q", "", headers[100], headers[199]).Bind("amq.headers", "r", "", ("h100", 7L));
        Assert.Equal(["q"], exchanges.Route("amq.headers", "", headers));
    }

    [Fact]
    public void Index_finds_what_the_definition_says() => RandomHistories.Check(
        10_000,
        25,
        random => (Bind: random.Next(4) > 0, Queue: $"q{random.Next(4)}", Match: random.Next(5), Mask: random.Next(1 << 8), Message: random.Next(1 << 8)),
        steps =>
        {
            var exchanges = new Exchanges();
            var bound = new HashSet<Binding>();
            foreach (var (bind, queue, match, mask, message) in steps)
            {
                var binding = new Binding("amq.headers", queue, "") { Arguments = FieldTable.Of([.. match == 4 ? [] : new[] { ("x-match", (FieldValue)Match(match)) }, .. Table(mask)]) };
                if (bind)
                {
                    exchanges.Bind("amq.headers", queue, "", [.. binding.Arguments.Select(a => (a.Key, a.Value))]);
                    bound.Add(binding);
                }
                else
                {
                    exchanges.Unbind(binding);
                    bound.Remove(binding);
                }

                string[] expected = [.. bound.Where(b => IsMatch(b.Arguments, Table(message))).Select(b => b.Destination).Distinct().Order(StringComparer.Ordinal)];
                Same.Sequence(expected, exchanges.Route("amq.headers", "", Table(message)));
            }
        });

    private static string Match(int match) => match switch { 0 => "all", 1 => "any", 2 => "all-with-x", _ => "any-with-x" };

    /// <summary>Each of four headers is absent, 0, 1 or null.</summary>
    private static (string Name, FieldValue Value)[] Table(int bits) =>
        [.. new[] { "a", "b", "x-c", "x-d" }.Select((name, i) => (name, (bits >> (2 * i)) & 3)).Where(h => h.Item2 > 0).Select(h => (h.name, h.Item2 == 3 ? FieldValue.Null : (long)h.Item2))];

    private static bool IsMatch(FieldTable wanted, (string Name, FieldValue Value)[] headers)
    {
        var match = wanted.TryGetValue("x-match", out var value) ? value.AsText()! : "all";
        var hits = wanted.Where(w => w.Key != "x-match" && (match.EndsWith("with-x", StringComparison.Ordinal) || !w.Key.StartsWith("x-", StringComparison.Ordinal)))
            .Select(w => headers.Any(h => h.Name == w.Key && (w.Value.Kind == FieldKind.Null || w.Value == h.Value)));
        return match.StartsWith("all", StringComparison.Ordinal) ? hits.All(h => h) : hits.Any(h => h);
    }
}
