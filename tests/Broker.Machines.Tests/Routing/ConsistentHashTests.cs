using System.Globalization;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Routing;

public class ConsistentHashTests
{
    private const int Keys = 20_000;
    private readonly Exchanges _exchanges = new Exchanges().Declare("x", "x-consistent-hash");

    [Fact]
    public void Key_goes_to_one_queue_and_always_to_the_same()
    {
        _exchanges.Bind("x", "a", "1").Bind("x", "b", "1").Bind("x", "c", "1");
        for (var i = 0; i < 100; i++)
        {
            var queue = Assert.Single(_exchanges.Route("x", $"key {i}"));
            Assert.Equal([queue], _exchanges.Route("x", $"key {i}"));
        }

        Assert.Empty(new Exchanges().Declare("x", "consistent-hash").Route("x", "k"));
    }

    [Fact]
    public void Order_of_bindings_does_not_matter()
    {
        var other = new Exchanges().Declare("x", "x-consistent-hash");
        string[] queues = ["a", "b", "c", "d", "e"];
        foreach (var queue in queues)
        {
            _exchanges.Bind("x", queue, "3");
        }

        foreach (var queue in queues.Reverse().Append("gone"))
        {
            other.Bind("x", queue, "3");
        }

        other.Unbind(new Binding("x", "gone", "3"));
        Assert.All(Enumerable.Range(0, 1_000), i => Assert.Equal(_exchanges.Route("x", $"k{i}"), other.Route("x", $"k{i}")));
    }

    /// <summary>Every node of every version must choose alike.</summary>
    [Fact]
    public void Choice_is_the_same_for_ever()
    {
        _exchanges.Bind("x", "a", "1").Bind("x", "b", "2").Bind("x", "c", "5");
        Assert.Equal("bccbcccccccbccbcbbbccbbccccbacbcacacbbbc", string.Concat(Enumerable.Range(0, 40).Select(i => _exchanges.Route("x", $"order-{i}")[0])));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(2, 1, 1)]
    [InlineData(10, 20, 30, 40)]
    [InlineData(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)]
    [InlineData(1, 100)]
    public void Shares_are_those_of_the_weights(params int[] weights)
    {
        for (var i = 0; i < weights.Length; i++)
        {
            _exchanges.Bind("x", $"q{i}", $"{weights[i]}");
        }

        var counts = Choices().CountBy(q => q).ToDictionary(c => c.Key, c => c.Value);
        for (var i = 0; i < weights.Length; i++)
        {
            var expected = Keys * (double)weights[i] / weights.Sum();
            Assert.InRange(counts.GetValueOrDefault($"q{i}"), expected - (4 * Math.Sqrt(expected)), expected + (4 * Math.Sqrt(expected)));
        }
    }

    [Fact]
    public void Queue_that_comes_takes_its_share_and_moves_nothing_else_and_gives_it_back()
    {
        for (var i = 0; i < 9; i++)
        {
            _exchanges.Bind("x", $"q{i}", "10");
        }

        var before = Choices();
        _exchanges.Bind("x", "new", "10");
        var with = Choices();
        var moved = Enumerable.Range(0, Keys).Where(i => before[i] != with[i]).ToList();
        Assert.All(moved, i => Assert.Equal("new", with[i]));
        Assert.InRange(moved.Count, Keys / 10 * 0.9, Keys / 10 * 1.1);
        _exchanges.Unbind(new Binding("x", "new", "10"));
        Assert.Equal(before, Choices());
    }

    [Fact]
    public void Two_bindings_of_a_queue_are_two_shares()
    {
        _exchanges.Bind("x", "a", "1").Bind("x", "b", "1").Bind("x", "a", "1", ("second", true));
        Assert.InRange(Choices().Count(q => q == "a"), Keys * 0.64, Keys * 0.69);
    }

    [Theory]
    [InlineData("hash-header", "h")]
    [InlineData("hash-property", "message_id")]
    [InlineData("hash-property", "correlation_id")]
    [InlineData("hash-property", "timestamp")]
    public void Something_else_than_the_key_can_be_hashed(string argument, string name)
    {
        var exchanges = new Exchanges().Declare("y", "x-consistent-hash", arguments: (argument, name));
        for (var i = 0; i < 5; i++)
        {
            exchanges.Bind("y", $"q{i}", "1");
        }

        var queues = Enumerable.Range(0, 200).Select(i =>
        {
            var properties = name switch
            {
                "h" => new MessageProperties { Headers = FieldTable.Of(("h", i % 2 == 0 ? $"v{i}" : (FieldValue)(long)i)) },
                "message_id" => new MessageProperties { MessageId = $"v{i}" },
                "correlation_id" => new MessageProperties { CorrelationId = $"v{i}" },
                _ => new MessageProperties { Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(i) },
            };
            var queue = Assert.Single(exchanges.Follow("y", "key", properties).Queues);
            Assert.Equal(queue, Assert.Single(exchanges.Follow("y", $"other key {i}", properties).Queues));
            Assert.False(exchanges.Walk.DependsOnKeyAlone);
            return queue;
        }).Distinct();
        Assert.Equal(5, queues.Count());
        Assert.Equal(exchanges.Route("y", "a"), exchanges.Route("y", "b")); // those without it stay together
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("many")]
    [InlineData("1000001")]
    [InlineData(" 1")]
    public void Binding_key_that_is_no_weight_is_refused(string key)
    {
        _exchanges.Queue("q");
        var fault = _exchanges.Topology.PlanBind(new Binding("x", "q", key)).Fault;
        Assert.Equal(ErrorCode.InvalidArgument, fault?.Code);
        Assert.Contains("weight", fault?.Reason, StringComparison.Ordinal);
        Assert.Null(_exchanges.Topology.PlanUnbind(new Binding("x", "q", key)).Fault);
    }

    private List<string> Choices() => [.. Enumerable.Range(0, Keys).Select(i => _exchanges.Follow("x", i.ToString(CultureInfo.InvariantCulture)).Queues[0])];
}
