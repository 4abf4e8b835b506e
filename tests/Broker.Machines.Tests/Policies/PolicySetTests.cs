using Broker.Machines.Access;
using Broker.Machines.Policies;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Histories;
using Broker.Protocol;

namespace Broker.Machines.Tests.Policies;

public sealed class PolicySetTests
{
    private static readonly string[] s_targets = ["all", "queues", "classic_queues", "quorum_queues", "streams", "logs", "exchanges"];
    private static readonly FieldTable[] s_definitions =
    [
        FieldTable.Of(("max-length", 1)), FieldTable.Of(("max-length-bytes", 1)), FieldTable.Of(("max-age", "1D")), FieldTable.Of(("alternate-exchange", "alt")),
        FieldTable.Of(("max-length", 1), ("alternate-exchange", "alt")), FieldTable.Of(("queue-mode", "lazy")),
    ];

    [Theory]
    [InlineData("all", true, true, true)]
    [InlineData("queues", true, true, false)]
    [InlineData("classic_queues", true, false, false)]
    [InlineData("quorum_queues", true, false, false)]
    [InlineData("streams", false, true, false)]
    [InlineData("logs", false, true, false)]
    [InlineData("exchanges", false, false, true)]
    public void Policy_applies_to_what_it_is_for(string applyTo, bool queue, bool log, bool exchange)
    {
        var set = new PolicySet([Make("p", applyTo: applyTo, definition: FieldTable.Of(("max-length-bytes", 1)))]);
        Assert.Equal(
            (queue, log, exchange),
            (set.ForQueue("/", "n", QueueKind.Queue) is not null, set.ForQueue("/", "n", QueueKind.Log) is not null, set.ForExchange("/", "n") is not null));
    }

    [Theory]
    [InlineData("max-length", true, false)]
    [InlineData("max-length-bytes", true, true)]
    [InlineData("queue-leader-locator", true, true)]
    public void Policy_that_says_what_a_log_does_not_know_is_not_for_logs(string key, bool queue, bool log)
    {
        var set = new PolicySet([Make("p", definition: FieldTable.Of((key, key.StartsWith("max", StringComparison.Ordinal) ? 1 : "x")))]);
        Assert.Equal((queue, log), (set.ForQueue("/", "n", QueueKind.Queue) is not null, set.ForQueue("/", "n", QueueKind.Log) is not null));
    }

    [Fact]
    public void Age_is_for_logs_alone()
    {
        var set = new PolicySet([Make("p", definition: FieldTable.Of(("max-age", "1D")))]);
        Assert.Null(set.ForQueue("/", "n", QueueKind.Queue));
        Assert.Equal(86_400_000, set.ForQueue("/", "n", QueueKind.Log)?.Definition.Queue.MaxAge);
    }

    [Fact]
    public void Highest_priority_wins_and_of_equals_the_first_by_name()
    {
        var set = new PolicySet([Make("b", "^o", 5), Make("a", "^o", 5), Make("z", "^orders$", 9), Make("all", "", 0), Make("z", "", 100, vhost: "other")]);
        Assert.Equal("z", set.ForQueue("/", "orders", QueueKind.Queue)?.Name);
        Assert.Equal("a", set.ForQueue("/", "ohm", QueueKind.Queue)?.Name);
        Assert.Equal("all", set.ForQueue("/", "x", QueueKind.Queue)?.Name);
        Assert.Equal(("z", 100), (set.ForQueue("other", "x", QueueKind.Queue)?.Name, set.ForQueue("other", "x", QueueKind.Queue)?.Priority));
        Assert.Null(set.ForQueue("third", "x", QueueKind.Queue));
        Assert.Equal(["/:a", "/:all", "/:b", "/:z", "other:z"], set.All.Select(p => $"{p.Vhost}:{p.Name}"));
    }

    /// <summary>The one that counts is, of those that match, not beaten by another; whatever order they come in.</summary>
    [Fact]
    public void Selection_is_that_of_its_definition() => RandomHistories.Check(2_000, 12, Generate, policies =>
    {
        var distinct = policies.DistinctBy(p => (p.Vhost, p.Name)).ToList();
        var (set, reversed) = (new PolicySet(distinct), new PolicySet(Enumerable.Reverse(distinct)));
        foreach (var vhost in new[] { "/", "v" })
        {
            foreach (var name in new[] { "a", "ab", "b", "" })
            {
                foreach (var kind in new[] { QueueKind.Queue, QueueKind.Log })
                {
                    var matching = distinct.Where(p => p.Vhost == vhost && p.IsForQueue(name, kind)).ToList();
                    var expected = matching.SingleOrDefault(p => matching.TrueForAll(o => o == p || Beats(p, o)));
                    Assert.Equal(matching.Count > 0, expected is not null);
                    Assert.Equal(expected, set.ForQueue(vhost, name, kind));
                    Assert.Equal(expected, reversed.ForQueue(vhost, name, kind));
                }

                var exchanges = distinct.Where(p => p.Vhost == vhost && p.IsForExchange(name)).ToList();
                Assert.Equal(exchanges.SingleOrDefault(p => exchanges.TrueForAll(o => o == p || Beats(p, o))), set.ForExchange(vhost, name));
            }
        }
    });

    private static bool Beats(Policy one, Policy other) =>
        one.Priority > other.Priority || (one.Priority == other.Priority && string.CompareOrdinal(one.Name, other.Name) < 0);

    private static Policy Generate(Random random) => Make(
        ((char)('p' + random.Next(4))).ToString(),
        random.GetItems(["", "^a", "b$", "^ab$", ".*"], 1)[0],
        random.Next(-1, 2),
        random.GetItems(s_targets, 1)[0],
        random.GetItems(s_definitions, 1)[0],
        random.Next(2) == 0 ? "/" : "v");

    private static Policy Make(string name, string pattern = "", int priority = 0, string applyTo = "all", FieldTable? definition = null, string vhost = "/")
    {
        Assert.True(NamePattern.TryParse(pattern, pattern.Length == 0 ? ".*" : pattern, out var parsed, out _));
        Assert.True(PolicyDefinition.TryParse(definition ?? s_definitions[0], isOperator: false, out var says, out var fault), fault.Reason);
        return new Policy { Vhost = vhost, Name = name, Pattern = parsed, ApplyTo = applyTo, Priority = priority, Definition = says };
    }
}
