using Broker.Node.Tests.Processes;
using Broker.Node.Tests.Hostile.Peers;

namespace Broker.Node.Tests.Hostile;

/// <summary>Runs hostile peers against a node.</summary>
internal static class Attack
{
    public static IReadOnlyList<HostilePeer> Kinds { get; } =
    [
        new GarbageDatagrams(),
        new MutatedInitials(),
        new HalfHandshake(),
        new SilentClient(),
        new SlowLoris(),
        new OversizeFrames(),
        new RandomFrames(),
        new WrongProtocol(),
        new NoCertificate(),
        new ForeignAuthority(),
        new OddEnds(),
        new StreamFlood(),
        new AbruptDisappearance(),
        new BbqGarbage(),
        new DeafClient(),
    ];

    /// <summary>All kinds at the same time, so many connections of each.</summary>
    /// <param name="target">Whom they attack.</param>
    /// <param name="kinds">Who does.</param>
    /// <param name="connections">Of each kind.</param>
    /// <param name="seed">Of everything random; it is named in a failure.</param>
    public static Task RunAsync(HostileTarget target, IEnumerable<HostilePeer> kinds, int connections, int seed) =>
        Task.WhenAll(kinds.Select(kind => RunAsync(target, kind, connections, seed)));

    private static async Task RunAsync(HostileTarget target, HostilePeer kind, int connections, int seed)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Math.Min(kind.Company, connections)).Select(_ => Task.Run(OneAfterTheOtherAsync)));

        async Task OneAfterTheOtherAsync()
        {
            while (Interlocked.Increment(ref next) is var number && number < connections)
            {
                try
                {
                    await Wait.For(kind.AttackAsync(target, new Random(HashCode(seed, number))), "the end of an attack", TimeSpan.FromMinutes(2));
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"{kind} number {number} of BROKER_HOSTILE_SEED={seed}: {e.Message}", e);
                }
            }
        }
    }

    // System.HashCode differs from process to process; a failure must come again.
    private static int HashCode(int seed, int number) => unchecked((seed * 1_000_003) + number);
}
