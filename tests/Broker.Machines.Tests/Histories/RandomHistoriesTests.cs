namespace Broker.Machines.Tests.Histories;

public class RandomHistoriesTests
{
    [Fact]
    public void A_failing_history_is_cut_down_to_the_steps_that_matter()
    {
        var failure = Assert.ThrowsAny<Exception>(() => RandomHistories.Check(
            100,
            50,
            random => random.Next(10),
            steps => Assert.False(steps.Contains(3) && steps.Contains(7), "a 3 and a 7")));
        Assert.Contains("2 of ", failure.Message, StringComparison.Ordinal);
        Assert.Contains("BROKER_SEED=", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_seed_gives_the_same_histories()
    {
        Assert.Equal(Generate(), Generate());

        static List<int> Generate()
        {
            var seen = new List<int>();
            RandomHistories.Check(10, 5, random => random.Next(), steps => seen.AddRange(steps));
            return seen;
        }
    }
}
