using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Hostile;

/// <summary>A bad peer costs itself only.</summary>
[Collection(ProcessCollection.Name)]
public sealed class HostilePeerTests(ITestOutputHelper output)
{
    private const int ConnectionsOfOneKind = 12;
    private const int MaxAttacks = 5;

    // What a quiet node's memory goes up and down by on its own: a collection that has not come yet, a thread that has.
    private const long NoiseBytes = 12 << 20;

    // A handshake is given up after 10 s, a silent client too, a vanished one after its idle timeout.
    private static readonly TimeSpan s_timeToRest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_timeForGarbage = TimeSpan.FromSeconds(15);

    public static TheoryData<string> Kinds => [.. Attack.Kinds.Select(kind => kind.ToString())];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_hostile_peer_harms_nobody_else(string name)
    {
        var kind = Attack.Kinds.Single(kind => kind.ToString() == name);
        await using var node = await NodeProcess.StartAsync();
        await using var target = await HostileTarget.OfAsync(node);
        await using var admin = await node.ConnectAsync("admin");
        var healthy = await HealthyTraffic.StartAsync(node);
        var before = await NodeState.ReadAsync(admin);

        await Attack.RunAsync(target, [kind], ConnectionsOfOneKind, AttackSettings.Seed);
        var after = await before.ReturnsAsync(admin, s_timeToRest);

        await healthy.StopAsync();
        AssertNoFaults(node);
        output.WriteLine($"{ConnectionsOfOneKind} x {name}: {before} -> {after}; {healthy.Messages} healthy messages, longest round {healthy.Longest.TotalMilliseconds:0} ms");
    }

    /// <summary>
    /// Memory: the same attack is repeated until one has added nothing that stays; each that adds to it may only have met more at once than those before, for which pools and the
    /// native heap grow, and what they are grown for does not grow them again. A leak adds each time. One of 10 KB for each connection is caught by 10,000 of them
    /// (see <see cref="AttackSettings"/>), a larger one by the few of a normal run. "Returns" is waited for: garbage is collected when there is need, which the healthy traffic
    /// goes on to create.
    /// </summary>
    [Fact]
    public async Task Hostile_peers_of_all_kinds_at_once_harm_nobody_and_leave_nothing_behind()
    {
        var perKind = (AttackSettings.Connections + Attack.Kinds.Count - 1) / Attack.Kinds.Count;
        await using var node = await NodeProcess.StartAsync(new NodeSettings { Environment = [NodeSettings.CollectEarly] });
        await using var target = await HostileTarget.OfAsync(node);
        await using var admin = await node.ConnectAsync("admin");
        var healthy = await HealthyTraffic.StartAsync(node);
        var calm = await NodeState.ReadAsync(admin);
        var resident = new List<long> { node.ResidentBytes };

        // The first time compiles code as well: it is not counted.
        for (var attack = 0; attack < 2 || (attack < MaxAttacks && resident[^1] > Allowed(resident[^2])); attack++)
        {
            var healthyBefore = healthy.Messages;
            await Attack.RunAsync(target, Attack.Kinds, perKind, AttackSettings.Seed + attack);
            var after = await calm.ReturnsAsync(admin, s_timeToRest);
            resident.Add(await LowestAsync(node, enough: attack == 0 ? 0 : Allowed(resident[^1])));
            Assert.True(healthy.Messages > healthyBefore, "healthy messages stood still during the attack");
            output.WriteLine($"{perKind * Attack.Kinds.Count} hostile connections: {resident[^2] >> 20} -> {resident[^1] >> 20} MiB resident; {calm} -> {after}; {healthy.Messages} healthy messages");
        }

        Assert.True(
            resident[^1] <= Allowed(resident[^2]),
            $"each of {MaxAttacks} attacks has left something behind: {string.Join(", ", resident.Select(r => $"{r >> 10} KiB"))} resident");
        await healthy.StopAsync();
        AssertNoFaults(node);
        output.WriteLine($"longest round of healthy traffic {healthy.Longest.TotalMilliseconds:0} ms");
    }

    private static long Allowed(long before) => (before / 10 * 11) + NoiseBytes;

    /// <summary>What memory comes down to while the node has time to rest; not less than what is enough.</summary>
    private static async Task<long> LowestAsync(NodeProcess node, long enough)
    {
        var lowest = node.ResidentBytes;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); lowest > enough && clock.Elapsed < s_timeForGarbage; await timer.WaitForNextTickAsync())
        {
            lowest = Math.Min(lowest, node.ResidentBytes);
        }

        return lowest;
    }

    // A peer's misdeed is its own fault and not one of an actor: those are logged, and are bugs.
    private static void AssertNoFaults(NodeProcess node) => Assert.DoesNotContain(" in actor ", node.Log, StringComparison.Ordinal);
}
