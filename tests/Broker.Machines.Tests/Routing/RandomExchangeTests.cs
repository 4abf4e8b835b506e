namespace Broker.Machines.Tests.Routing;

public class RandomExchangeTests
{
    [Theory]
    [InlineData("x-random")]
    [InlineData("random")]
    [InlineData("x-local-random")]
    public void Each_message_goes_to_one_queue_and_all_get_their_share(string type)
    {
        var exchanges = new Exchanges().Declare("x", type).Bind("x", "a").Bind("x", "b").Bind("x", "c");
        var counts = Enumerable.Range(0, 3_000).CountBy(_ => Assert.Single(exchanges.Route("x", "same key"))).ToDictionary(c => c.Key, c => c.Value);
        Assert.Equal(3, counts.Count);
        Assert.All(counts.Values, c => Assert.InRange(c, 880, 1_120));
        Assert.False(exchanges.Walk.DependsOnKeyAlone);
        Assert.Empty(new Exchanges().Declare("x", type).Route("x"));
    }

    [Theory]
    [InlineData("x-local-random")]
    [InlineData("local-random")]
    public void Queues_that_this_node_leads_are_preferred(string type)
    {
        var exchanges = new Exchanges().Declare("x", type).Bind("x", "a").Bind("x", "b").Bind("x", "c").Bind("x", "d");
        exchanges.LedHere.UnionWith(["b", "d"]);
        var queues = Enumerable.Range(0, 200).Select(_ => Assert.Single(exchanges.Route("x"))).ToHashSet();
        Assert.Equal(["b", "d"], queues.Order());
        exchanges.LedHere.Clear();
        Assert.Equal(4, Enumerable.Range(0, 200).Select(_ => Assert.Single(exchanges.Route("x"))).Distinct().Count());
    }
}
