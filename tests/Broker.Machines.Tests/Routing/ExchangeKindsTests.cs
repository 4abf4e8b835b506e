using Broker.Machines.Routing;
using Broker.Machines.Topology;

namespace Broker.Machines.Tests.Routing;

public class ExchangeKindsTests
{
    [Fact]
    public void Each_kind_has_a_name_and_is_found_by_it()
    {
        foreach (var kind in Enum.GetValues<ExchangeKind>())
        {
            Assert.True(ExchangeKinds.TryParse(kind.NameOf(), out var found));
            Assert.Equal(kind, found);
        }

        Assert.Equal(["direct", "fanout", "topic", "headers", "x-consistent-hash", "x-random", "x-local-random", "x-delayed-message"], ExchangeKinds.Names);
    }

    [Theory]
    [InlineData("consistent-hash", ExchangeKind.ConsistentHash)]
    [InlineData("random", ExchangeKind.Random)]
    [InlineData("local-random", ExchangeKind.LocalRandom)]
    [InlineData("delayed", ExchangeKind.Delayed)]
    public void Those_that_are_plugins_of_RabbitMQ_have_a_short_name(string name, ExchangeKind kind)
    {
        Assert.True(ExchangeKinds.TryParse(name, out var found));
        Assert.Equal(kind, found);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("x-topic")]
    [InlineData("Fanout")]
    [InlineData("direct ")]
    public void Other_names_are_unknown(string? name) => Assert.False(ExchangeKinds.TryParse(name, out _));

    [Fact]
    public void Kind_that_does_not_exist_is_a_programmers_mistake()
    {
        Assert.Throws<InvariantViolationException>(() => ((ExchangeKind)99).NameOf());
        Assert.Throws<InvariantViolationException>(() => new ExchangeMachine(new ExchangeDefinition("x", (ExchangeKind)99)));
    }
}
