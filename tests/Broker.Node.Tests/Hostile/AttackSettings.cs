using System.Globalization;

namespace Broker.Node.Tests.Hostile;

/// <summary>
/// <c>BROKER_HOSTILE_CONNECTIONS</c>: connections of the mixed attack, default 420. <c>BROKER_HOSTILE_SEED</c>: of everything random in an attack, default 1;
/// a failure names it.
/// </summary>
internal static class AttackSettings
{
    public static int Connections { get; } = Read("BROKER_HOSTILE_CONNECTIONS") ?? 420;

    public static int Seed { get; } = Read("BROKER_HOSTILE_SEED") ?? 1;

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
