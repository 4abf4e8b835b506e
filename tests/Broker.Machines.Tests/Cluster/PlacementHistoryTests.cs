using Broker.Machines.Cluster;
using Broker.Machines.Tests.Histories;

namespace Broker.Machines.Tests.Cluster;

/// <summary>Whatever happens to the nodes of a cluster, in whatever order, every look keeps to <see cref="PlacementRules"/>, no committed record is lost, and the changes come to an end.</summary>
public class PlacementHistoryTests
{
    private static readonly string[] Names = ["a", "b", "c", "d", "e", "f"];

    private static readonly Kind[] Frequencies =
    [
        .. Enumerable.Repeat(Kind.Start, 14), .. Enumerable.Repeat(Kind.Kill, 6), .. Enumerable.Repeat(Kind.KillMany, 1), .. Enumerable.Repeat(Kind.EmptyDisk, 2),
        .. Enumerable.Repeat(Kind.Suspect, 4), .. Enumerable.Repeat(Kind.Trust, 4), .. Enumerable.Repeat(Kind.Ask, 12), .. Enumerable.Repeat(Kind.Label, 2),
        .. Enumerable.Repeat(Kind.CatchUp, 12), .. Enumerable.Repeat(Kind.CatchUpAll, 8), .. Enumerable.Repeat(Kind.Lag, 6), .. Enumerable.Repeat(Kind.Commit, 12),
        .. Enumerable.Repeat(Kind.Look, 22), .. Enumerable.Repeat(Kind.LookAndLose, 4), .. Enumerable.Repeat(Kind.Wait, 16), .. Enumerable.Repeat(Kind.OtherCoordinator, 2),
        .. Enumerable.Repeat(Kind.Order, 1), .. Enumerable.Repeat(Kind.RestoreMetadata, 1),
    ];

    private enum Kind
    {
        Start,
        Kill,
        KillMany,
        EmptyDisk,
        Suspect,
        Trust,
        Ask,
        Label,
        CatchUp,
        CatchUpAll,
        Lag,
        Commit,
        Look,
        LookAndLose,
        Wait,
        OtherCoordinator,
        Order,
        RestoreMetadata,
    }

    private readonly record struct Step(Kind Kind, int X, int Y);

    public static TheoryData<PlacementOptions> Options => new(
        new PlacementOptions { Shards = 7, MaxConcurrentMoves = 2, GatheringTime = TimeSpan.Zero },
        new PlacementOptions { Shards = 5, Replicas = 2, MinInSync = 1, MaxConcurrentMoves = 3, StillTime = TimeSpan.FromSeconds(2) },
        new PlacementOptions { Shards = 4, Replicas = 4, MinInSync = 3, MaxConcurrentMoves = 1, RebalanceInterval = TimeSpan.Zero },
        new PlacementOptions { Shards = 6, Replicas = 1, MinInSync = 1, StillTime = TimeSpan.Zero });

    [Theory]
    [MemberData(nameof(Options))]
    public void Every_look_keeps_to_the_rules(PlacementOptions options) => RandomHistories.Check(300, 120, Generate, steps => Run(options, steps, zones: true));

    [Theory]
    [MemberData(nameof(Options))]
    public void Changes_come_to_an_end_once_nothing_happens(PlacementOptions options) =>
        RandomHistories.Check(150, 60, Generate, steps => Run(options, steps, zones: true).Settle());

    [Theory]
    [MemberData(nameof(Options))]
    public void Nodes_that_are_all_back_have_even_shares(PlacementOptions options) => RandomHistories.Check(80, 60, Generate, steps =>
    {
        var cluster = Heal(Run(options, steps, zones: false));
        AssertWhole(cluster);
        AssertWithinOne(cluster, cluster.LeadersOf);
        AssertWithinOne(cluster, cluster.ReplicasOf);
    });

    [Theory]
    [MemberData(nameof(Options))]
    public void Nodes_that_are_all_back_spread_shards_over_zones(PlacementOptions options) => RandomHistories.Check(80, 60, Generate, steps =>
    {
        var cluster = Heal(Run(options, steps, zones: true));
        AssertWhole(cluster);
        var capacities = cluster.Nodes.GroupBy(n => n.Zone).Select(zone => zone.Count()).ToList();
        Assert.All(cluster.Shards.Values, s => Assert.Equal(FewestPairs(capacities, s.Replicas.Count), s.Replicas.GroupBy(r => cluster[r].Zone).Sum(zone => Pairs(zone.Count()))));
        Assert.All(cluster.Nodes.GroupBy(n => n.Zone), zone => Assert.True(zone.Max(n => cluster.ReplicasOf(n.Name)) - zone.Min(n => cluster.ReplicasOf(n.Name)) <= 1, "within a zone"));
    });

    private static Step Generate(Random random) => new(Frequencies[random.Next(Frequencies.Length)], random.Next(1 << 16), random.Next(1 << 16));

    private static TestCluster Run(PlacementOptions options, IReadOnlyList<Step> steps, bool zones)
    {
        var cluster = new TestCluster(options);
        foreach (var step in steps.Where(s => zones || s.Kind != Kind.Label))
        {
            Perform(cluster, step);
        }

        return cluster;
    }

    private static void Perform(TestCluster cluster, Step step)
    {
        var (kind, x, y) = step;
        var (name, shard) = (Names[x % Names.Length], y % cluster.Options.Shards);
        switch (kind)
        {
            case Kind.Start:
                cluster.Restart(name);
                break;
            case Kind.Kill:
                cluster.Kill(name);
                break;
            case Kind.KillMany:
                cluster.Kill([.. Names.Where((_, i) => ((y >> i) & 3) != 0)]);
                break;
            case Kind.EmptyDisk:
                cluster.Restart(name, withEmptyDisk: true);
                break;
            case Kind.Suspect or Kind.Trust:
                cluster.Suspect(kind == Kind.Suspect, name);
                break;
            case Kind.Ask:
                cluster.Ask(y % 9 < 4 ? NodeState.Up : y % 9 < 7 ? NodeState.Draining : y % 9 == 7 ? NodeState.Leaving : NodeState.Down, name);
                break;
            case Kind.Label:
                cluster.Label($"z{y % 3}", name);
                break;
            case Kind.CatchUp:
                cluster.LeaderAdds(shard, name);
                break;
            case Kind.CatchUpAll:
                cluster.Shards.Keys.ToList().ForEach(s => cluster.LeaderAdds(s));
                break;
            case Kind.Lag:
                cluster.LeaderRemoves(shard, name);
                break;
            case Kind.Commit:
                cluster.LeaderCommits(shard);
                break;
            case Kind.Look:
                cluster.Look();
                break;
            case Kind.LookAndLose:
                cluster.Look(() =>
                {
                    cluster.LeaderAdds(shard);
                    cluster.LeaderRemoves((shard + 1) % cluster.Options.Shards, name);
                });
                break;
            case Kind.Wait:
                cluster.Wait(TimeSpan.FromMilliseconds(y % 20_000));
                break;
            case Kind.OtherCoordinator:
                cluster.ReplaceCoordinator();
                break;
            case Kind.Order when cluster.Nodes.Any(n => n.Name == name):
                cluster.Orders.Add(new UncleanElection(shard, new ReplicaId(name, cluster[name].Store)));
                break;
            case Kind.RestoreMetadata:
                cluster.EpochFloor = Math.Max(cluster.EpochFloor, y % 50);
                break;
            default:
                break;
        }
    }

    /// <summary>All nodes that were ever there are back for good; where nobody in sync can be, an operator orders that somebody leads.</summary>
    private static TestCluster Heal(TestCluster cluster)
    {
        cluster.Start("a");
        foreach (var node in cluster.Nodes.ToList())
        {
            cluster.Ask(NodeState.Up, node.Name);
            cluster.Restart(node.Name);
        }

        cluster.Orders.Clear();
        foreach (var s in cluster.Shards.Values)
        {
            cluster.Orders.Add(new UncleanElection(s.Shard, new ReplicaId(s.Replicas[0], cluster[s.Replicas[0]].Store)));
        }

        cluster.Settle();
        return cluster;
    }

    private static void AssertWhole(TestCluster cluster) => Assert.All(cluster.Shards.Values, s =>
    {
        Assert.NotNull(cluster.Leader(s));
        Assert.Equal(Math.Min(cluster.Options.Replicas, cluster.Nodes.Count), s.Replicas.Count);
        Assert.Equal(s.Replicas.Order(), s.InSync.Select(r => r.Node).Order());
    });

    private static void AssertWithinOne(TestCluster cluster, Func<string, int> count)
    {
        var counts = cluster.Nodes.Select(n => count(n.Name)).ToList();
        Assert.True(counts.Max() - counts.Min() <= 1, $"uneven: {string.Join(", ", counts)}");
    }

    private static int FewestPairs(List<int> capacities, int replicas)
    {
        var taken = new int[capacities.Count];
        for (; replicas > 0; replicas--)
        {
            taken[Enumerable.Range(0, taken.Length).Where(zone => taken[zone] < capacities[zone]).MinBy(zone => taken[zone])]++;
        }

        return taken.Sum(Pairs);
    }

    private static int Pairs(int count) => count * (count - 1) / 2;
}
