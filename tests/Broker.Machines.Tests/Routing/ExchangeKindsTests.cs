using Broker.Machines.Routing;

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
    }

    [Theory]
    [InlineData("")]
    [InlineData("topic")]
    [InlineData("Fanout")]
    [InlineData("direct ")]
    public void Other_names_are_unknown(string name) => Assert.False(ExchangeKinds.TryParse(name, out _));

    [Fact]
    public void Kind_that_does_not_exist_is_a_programmers_mistake()
    {
        Assert.Throws<InvariantViolationException>(() => ((ExchangeKind)99).NameOf());
        Assert.Throws<InvariantViolationException>(() => new ExchangeMachine((ExchangeKind)99).Snapshot());
    }
}
