
namespace Broker.Actors.Tests.Runtime;

public sealed class DeterminismTests
{
    [Fact]
    public async Task Same_seed_gives_the_same_order_and_seeds_give_different_orders()
    {
        var orders = new List<string>();
        foreach (var seed in new[] { 1, 1, 2, 3, 4, 5 })
        {
            orders.Add(await RunOrder(seed));
        }

        Assert.Equal(orders[0], orders[1]);
        Assert.True(orders.Distinct().Count() > 2, "Five seeds explored no more than two interleavings.");
    }

    [Fact]
    public async Task Without_a_seed_actors_run_in_the_order_in_which_they_became_runnable() =>
        Assert.Equal("01234567", await RunOrder(null));

    [Fact]
    public void Actors_that_keep_each_other_busy_for_ever_are_found()
    {
        var test = new TestSystem();
        var actor = test.Start(new ActorScript { OnReceive = (self, message) => self.Its.Self.Tell(message) });
        actor.Tell("again");

        Assert.Throws<InvalidOperationException>(() => test.Dispatcher.RunUntilIdle(maxBatches: 100));
    }

    [Fact]
    public void Pumping_from_inside_an_actor_is_an_error()
    {
        var test = new TestSystem();
        var actor = test.Start(new ActorScript { OnReceive = (_, _) => test.Dispatcher.RunUntilIdle() });
        test.Tell(actor, "go");

        Assert.IsType<InvalidOperationException>(Assert.Single(test.Faults).Exception);
    }

    private static async Task<string> RunOrder(int? seed)
    {
        await using var test = new TestSystem(seed: seed);
        var order = "";
        var actors = Enumerable.Range(0, 8)
            .Select(i => test.Start(new ActorScript { OnReceive = (_, _) => order += i }))
            .ToList();
        actors.ForEach(actor => actor.Tell("go"));
        test.Run();
        return order;
    }
}
