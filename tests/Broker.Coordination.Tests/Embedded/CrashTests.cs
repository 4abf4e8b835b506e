namespace Broker.Coordination.Tests.Embedded;

/// <summary>Every answered transaction outlives every crash, and revisions never go back.</summary>
public sealed class CrashTests
{
    [Fact]
    public void A_crash_in_any_operation_of_the_disk_loses_nothing_that_was_answered()
    {
        for (var seed = 0; seed < 18; seed++)
        {
            var whole = new CrashHistory(seed);
            whole.Live(steps: 40, crashAt: null);
            for (var operation = 1; operation <= whole.Operations; operation++)
            {
                Check(seed, $"operation {operation}", history =>
                {
                    history.Live(steps: 40, operation);
                    history.Live(steps: 10, crashAt: null);
                    history.Live(steps: 1, crashAt: null);
                });
            }
        }
    }

    [Fact]
    public void Crash_after_crash_loses_nothing_that_was_answered()
    {
        var retirements = 0;
        for (var seed = 0; seed < 180; seed++)
        {
            Check(seed, "several lives", history =>
            {
                var random = new Random(seed);
                for (var life = 0; life < 8; life++)
                {
                    history.Live(steps: 1 + random.Next(150), crashAt: random.Next(5) == 0 ? null : 1 + random.Next(120));
                }

                history.Live(steps: 1, crashAt: null);
                retirements += history.Retirements;
            });
        }

        Assert.True(retirements > 180, $"only {retirements} lives came so far that they gave up the beginning of the log");
    }

    private static void Check(int seed, string what, Action<CrashHistory> check)
    {
        try
        {
            check(new CrashHistory(seed));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}, {what}: {e.Message}", e);
        }
    }
}
