using System.Globalization;

namespace Broker.Protocol.Tests.Fuzz;

/// <summary>
/// <c>BROKER_FUZZ_ITERATIONS</c>: iterations per decoder, default 20,000. <c>BROKER_FUZZ_SEED</c>: where to start; by default 1 in a run of the default size,
/// so
/// that it is the same each time, and the clock's choice in a longer one.
/// </summary>
internal static class FuzzSettings
{
    public const int DefaultIterations = 20_000;

    public static int Iterations { get; } = (int)(Read("BROKER_FUZZ_ITERATIONS") ?? DefaultIterations);

    public static ulong Seed { get; } = Read("BROKER_FUZZ_SEED") ?? (Iterations == DefaultIterations ? 1 : (ulong)DateTime.UtcNow.Ticks);

    /// <summary>The generator of one iteration of one decoder.</summary>
    public static Prng Start(string decoder, int iteration)
    {
        var seed = Seed;
        foreach (var c in decoder)
        {
            seed = (seed * 31) + c;
        }

        return new Prng((seed * 1_000_000_007) + (ulong)iteration);
    }

    /// <summary>What to print so that a failure can be repeated.</summary>
    public static string Describe(string decoder, int iteration, ReadOnlySpan<byte> bytes) =>
        $"{decoder}, iteration {iteration}, BROKER_FUZZ_SEED={Seed} BROKER_FUZZ_ITERATIONS={Iterations}, bytes {Convert.ToHexStringLower(bytes)}";

    private static ulong? Read(string variable) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
