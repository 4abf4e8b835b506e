using System.Globalization;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>
/// How much the tests of this folder do. <c>BROKER_FAULT_ROUNDS</c>: how often each test repeats its faults, on one cluster; default 1. <c>BROKER_FAULT_SEED</c>: of what is random, default 1.
/// <c>BROKER_FAULT_PAUSE</c>: how many seconds a node is paused or cut off; default 7, which is longer than the lease of a node. <c>BROKER_FAULT_STORM</c>: how many seconds a storm of
/// faults lasts, default 15. <c>BROKER_FAULT_LOGS</c>: a folder for what the nodes have said, a file for each life; default: nowhere.
/// </summary>
internal static class FaultSettings
{
    public static int Rounds { get; } = Read("BROKER_FAULT_ROUNDS") ?? 1;

    public static int Seed { get; } = Read("BROKER_FAULT_SEED") ?? 1;

    public static TimeSpan Pause { get; } = TimeSpan.FromSeconds(Read("BROKER_FAULT_PAUSE") ?? 7);

    public static TimeSpan Storm { get; } = TimeSpan.FromSeconds(Read("BROKER_FAULT_STORM") ?? 15);

    public static string? Logs { get; } = Environment.GetEnvironmentVariable("BROKER_FAULT_LOGS") is { Length: > 0 } folder ? folder : null;

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
