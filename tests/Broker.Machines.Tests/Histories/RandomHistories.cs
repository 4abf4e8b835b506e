using System.Globalization;

namespace Broker.Machines.Tests.Histories;

/// <summary>
/// Runs a check on many random histories. A history is a list of steps, and every list of steps is a legal history, so one that fails is cut down to the
/// few steps that matter before it is reported.
/// </summary>
/// <remarks>
/// The seed is fixed, so that a failure is the same for everybody. <c>BROKER_SEED=n</c> takes another one, <c>BROKER_HISTORIES=n</c> runs n histories of each property.
/// </remarks>
internal static class RandomHistories
{
    private static readonly int Seed = Setting("BROKER_SEED") ?? 1;

    /// <summary>Generates histories and checks each; <paramref name="check"/> throws if a property does not hold.</summary>
    public static void Check<TStep>(int count, int maxSteps, Func<Random, TStep> generate, Action<IReadOnlyList<TStep>> check)
    {
        for (var i = 0; i < (Setting("BROKER_HISTORIES") ?? count); i++)
        {
            var random = new Random(HashOf(Seed, i));
            var steps = new List<TStep>();
            for (var length = random.Next(1, maxSteps + 1); length > 0; length--)
            {
                steps.Add(generate(random));
            }

            if (FailureOf(steps, check) is { } failure)
            {
                var (fewest, last) = Shrink(steps, failure, check);
                Assert.Fail($"""
                    History {i} of BROKER_SEED={Seed} fails: {last.Message}
                    Its shortest form, {fewest.Count} of {steps.Count} steps:
                      {string.Join("\n  ", fewest)}
                    {last}
                    """);
            }
        }
    }

    /// <summary>Leaves out ever smaller pieces for as long as the rest still fails.</summary>
    private static (List<TStep> Steps, Exception Failure) Shrink<TStep>(List<TStep> steps, Exception failure, Action<IReadOnlyList<TStep>> check)
    {
        for (var piece = Math.Max(1, steps.Count / 2); piece > 0; piece /= 2)
        {
            for (var at = 0; at + piece <= steps.Count;)
            {
                List<TStep> shorter = [.. steps[..at], .. steps[(at + piece)..]];
                if (FailureOf(shorter, check) is { } still)
                {
                    (steps, failure) = (shorter, still);
                }
                else
                {
                    at += piece;
                }
            }
        }

        return (steps, failure);
    }

    private static Exception? FailureOf<TStep>(List<TStep> steps, Action<IReadOnlyList<TStep>> check)
    {
        try
        {
            check(steps);
            return null;
        }
#pragma warning disable CA1031 // whatever it throws is the finding
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
    }

    private static int? Setting(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private static int HashOf(int seed, int history) => unchecked((int)(((uint)seed * 0x9E3779B1) ^ ((uint)history * 0x85EBCA77)));
}
