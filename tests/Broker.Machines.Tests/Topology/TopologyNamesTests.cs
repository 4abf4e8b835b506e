using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Topology;

public class TopologyNamesTests
{
    [Theory]
    [InlineData("q")]
    [InlineData("orders.eu-1/new orders")]
    [InlineData("amq")]
    [InlineData("AMQ.x")]
    [InlineData("Aufträge \U0001F4E6")]
    public void Name_is_fine(string name) => Assert.Null(TopologyNames.Check("queue", name));

    [Theory]
    [InlineData("")]
    [InlineData("line\nbreak")]
    [InlineData("\0")]
    [InlineData("delete\u007f")]
    [InlineData("next line\u0085")]
    public void Name_is_no_name(string name) => Assert.Equal(ErrorCode.InvalidArgument, TopologyNames.Check("queue", name)?.Code);

    [Theory]
    [InlineData("amq.")]
    [InlineData("amq.mine")]
    public void Name_is_reserved(string name) => Assert.Equal(ErrorCode.AccessRefused, TopologyNames.Check("queue", name)?.Code);

    [Theory]
    [InlineData('a', 255)]
    [InlineData('ä', 127)]
    public void Name_has_at_most_255_bytes(char letter, int longest)
    {
        Assert.Null(TopologyNames.Check("queue", new string(letter, longest)));
        Assert.Equal(ErrorCode.InvalidArgument, TopologyNames.Check("queue", new string(letter, longest + 1))?.Code);
    }

    [Fact]
    public void Reason_says_what_the_name_is_for() =>
        Assert.StartsWith("the exchange ", TopologyNames.Check("exchange", "")?.Reason, StringComparison.Ordinal);
}
