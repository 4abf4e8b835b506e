using System.Globalization;

namespace Broker.Node.Tests.Durability;

/// <summary>
/// How much the tests of this folder do. <c>BROKER_KILLS</c>: kills of a node under load, default 10. <c>BROKER_KILL_SEED</c>: of everything random in them, default 1;
/// a failure names it. <c>BROKER_BACKLOG_MESSAGES</c>: of 1 KiB, default 100,000. <c>BROKER_STRAGGLER_MESSAGES</c>: of 1 KiB, default 100,000; from ten million on with the
/// node's own options of storage.
/// </summary>
internal static class DurabilitySettings
{
    private const long SmallLogFileBytes = 1 << 20;
    private const long SmallLogBytes = 4 << 20;
    private const long MetadataBytes = 2 << 20;

    public static int Kills { get; } = Read("BROKER_KILLS") ?? 10;

    public static int KillSeed { get; } = Read("BROKER_KILL_SEED") ?? 1;

    public static int BacklogMessages { get; } = Read("BROKER_BACKLOG_MESSAGES") ?? 100_000;

    public static int StragglerMessages { get; } = Read("BROKER_STRAGGLER_MESSAGES") ?? 100_000;

    /// <summary>A log and segments so small that files end, retire and are deleted all the time.</summary>
    public static IReadOnlyList<(string Name, string Value)> SmallStore { get; } =
    [
        ("BROKER_STORAGE__LOGFILEBYTES", $"{SmallLogFileBytes}"),
        ("BROKER_STORAGE__MAXLOGBYTES", $"{SmallLogBytes}"),
        ("BROKER_STORAGE__SEGMENTBYTES", $"{256 << 10}"),
    ];

    /// <summary>What the log takes on disk at most while nobody publishes: as configured, the file that is written, a spare one, and two of the metadata's log.</summary>
    /// <param name="isSmall">With <see cref="SmallStore"/>; else with the node's defaults.</param>
    public static long LogBytes(bool isSmall) => isSmall ? SmallLogBytes + (2 * SmallLogFileBytes) + MetadataBytes : (128L << 20) + (2 * (32L << 20)) + MetadataBytes;

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
