using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Hostile;

/// <summary>A bad peer costs itself only.</summary>
[Collection(ProcessCollection.Name)]
public sealed class HostilePeerTests(ITestOutputHelper output)
{
    private const int ConnectionsOfOneKind = 12;

    // What a quiet node's memory goes up and down by on its own: a collection that has not come yet, a thread that has.
    private const long NoiseBytes = 12 << 20;

    // A handshake is given up after 10 s, a silent client too, a vanished one after its idle timeout.
    private static readonly TimeSpan s_timeToRest = TimeSpan.FromSeconds(60);

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
    /// Memory: the same attack runs twice, and the second may add nothing that stays. After the first, code is compiled, and pools and the native heap are as large
    /// as this attack makes them; from then on growth is a leak. A node that leaked 10 KB for each connection would be caught by 10,000 of them
    /// (see <see cref="AttackSettings"/>), and one that leaks more by the few of a normal run. "Returns" is waited for: garbage is collected when there is
    /// need, which the healthy traffic goes on to create.
    /// </summary>
    [Fact]
    public async Task Hostile_peers_of_all_kinds_at_once_harm_nobody_and_leave_nothing_behind()
    {
        var perKind = (AttackSettings.Connections + Attack.Kinds.Count - 1) / Attack.Kinds.Count;
        await using var node = await NodeProcess.StartAsync();
        await using var target = await HostileTarget.OfAsync(node);
        await using var admin = await node.ConnectAsync("admin");
        var healthy = await HealthyTraffic.StartAsync(node);
        var calm = await NodeState.ReadAsync(admin);
        var cold = node.ResidentBytes;

        await Attack.RunAsync(target, Attack.Kinds, perKind, AttackSettings.Seed);
        await calm.ReturnsAsync(admin, s_timeToRest);
        var before = node.ResidentBytes;
        var healthyBefore = healthy.Messages;

        await Attack.RunAsync(target, Attack.Kinds, perKind, AttackSettings.Seed + 1);
        var peak = node.ResidentBytes;
        var after = await calm.ReturnsAsync(admin, s_timeToRest);
        var allowed = (before / 10 * 11) + NoiseBytes;
        var resident = await Wait.Until(
            () => Task.FromResult(node.ResidentBytes), bytes => bytes <= allowed, $"the node's memory is back to {before >> 10} KiB + 10 % + noise", s_timeToRest);

        Assert.True(healthy.Messages > healthyBefore, "healthy messages stood still during the attack");
        await healthy.StopAsync();
        AssertNoFaults(node);
        output.WriteLine(
            $"2 x {perKind * Attack.Kinds.Count} hostile connections; resident MiB cold {cold >> 20}, before {before >> 20}, at the end of the attack {peak >> 20}, after {resident >> 20}; "
            + $"{calm} -> {after}; {healthy.Messages} healthy messages, longest round {healthy.Longest.TotalMilliseconds:0} ms");
    }

    // A peer's misdeed is its own fault and not one of an actor: those are logged, and are bugs.
    private static void AssertNoFaults(NodeProcess node) => Assert.DoesNotContain(" in actor ", node.Log, StringComparison.Ordinal);
}
