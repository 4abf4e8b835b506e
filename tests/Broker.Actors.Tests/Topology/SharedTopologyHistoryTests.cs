using Broker.Actors.Topology;
using Broker.Coordination;
using Broker.Machines.Topology;
using Broker.Protocol;
using static Broker.Actors.Tests.Topology.SharedTopologyTests;

namespace Broker.Actors.Tests.Topology;

/// <summary>Random requests at random nodes, whose watches lag and break and whose transactions lose their answers. A failure names its seed.</summary>
public sealed class SharedTopologyHistoryTests
{
    private static readonly string[] s_names = ["a", "b", "c"];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12)];

    /// <summary>One request after the other: each answer is that of one topology, whichever node gives it.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Answers_of_all_nodes_are_those_of_one_topology(int seed)
    {
        var random = new Random(seed);
        var model = new TopologyMachine();
        await using var cluster = await TopologyCluster.StartAsync(3);
        for (var step = 0; step < 300; step++)
        {
            var asked = cluster.Nodes[random.Next(3)];
            asked.Metadata.ReleaseWatches();
            foreach (var other in cluster.Nodes.Where(n => n != asked))
            {
                switch (random.Next(30))
                {
                    case < 8:
                        other.Metadata.HoldWatches();
                        break;
                    case < 16:
                        other.Metadata.ReleaseWatches();
                        break;
                    case 16 when step % 10 == 0:
                        other.Metadata.BreakWatches(new MetadataCompactedException("long ago", 1));
                        break;
                    case 17:
                        Assert.DoesNotContain(true, await other.Metadata.SendLateAsync());
                        break;
                    default:
                        break;
                }
            }

            SharedTopologyFaultTests.Meet(asked, random.Next(12) switch { 0 => Fate.AnswerLost, 1 => Fate.Lost, 2 => Fate.Late, _ => Fate.Good });
            var request = RandomRequest(random);
            var plan = PlanOf(model, request);
            var reply = await asked.AskAsync(request);
            Assert.True(reply.Fault?.Code == plan.Fault?.Code, $"seed {seed}, step {step}, {request} at {asked.Services.Options.NodeId}: {reply.Fault}, expected {plan.Fault}");
            foreach (var change in plan.Changes)
            {
                model.Apply(change);
            }
        }

        cluster.Nodes.ForEach(n => n.Metadata.ReleaseWatches());
        var agreed = await cluster.AgreeAsync();
        Assert.Equal(
            TopologyNode.Show(model.Exchanges, model.Queues.Select(q => q with { Id = 0 }), model.Bindings),
            System.Text.RegularExpressions.Regex.Replace(agreed, ":[1-9][0-9]*", ":0"));
    }

    /// <summary>Many at once: what they come to is what the transactions come to in their order, on all nodes, and each of those was one that the rules allow.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Nodes_agree_whatever_happens_at_once(int seed)
    {
        var random = new Random(seed);
        await using var cluster = await TopologyCluster.StartAsync(3);
        foreach (var node in cluster.Nodes)
        {
            var fates = new Random(random.Next());
            node.Metadata.FateOf = _ =>
            {
                lock (fates)
                {
                    return fates.Next(40) switch { 0 => Fate.AnswerLost, 1 => Fate.Lost, 2 => Fate.Late, 3 => Fate.Refused, _ => Fate.Good };
                }
            };
        }

        var clients = cluster.Nodes.SelectMany(n => Enumerable.Range(0, 3).Select(_ => RunClientAsync(n, new Random(random.Next())))).ToList();
        var all = Task.WhenAll(clients);
        while (!all.IsCompleted)
        {
            var node = cluster.Nodes[random.Next(3)];
            node.Metadata.HoldWatches();
            await Task.Delay(random.Next(5)); // for so long it lags
            if (random.Next(10) == 0)
            {
                node.Metadata.BreakWatches(new MetadataUnavailableException("broken"));
            }

            if (random.Next(5) == 0)
            {
                await node.Metadata.SendLateAsync();
            }

            node.Metadata.ReleaseWatches();
            await Task.Yield();
        }

        await all;
        foreach (var node in cluster.Nodes)
        {
            node.Metadata.FateOf = _ => Fate.Good;
            await node.Metadata.SendLateAsync();
        }

        await cluster.AgreeAsync();
    }

    private static async Task RunClientAsync(TopologyNode node, Random random)
    {
        for (var i = 0; i < 40; i++)
        {
            await node.AskAsync(RandomRequest(random));
        }
    }

    private static TopologyRequest RandomRequest(Random random)
    {
        var (one, two, key) = (s_names[random.Next(3)], s_names[random.Next(3)], $"{random.Next(2)}");
        return random.Next(16) switch
        {
            < 3 => Exchange(one, random.Next(5) == 0 ? "topic" : "direct", passive: random.Next(4) == 0) with { AutoDelete = one == "a" || random.Next(4) == 0 },
            < 4 => new TopologyRequest.DeleteExchange(one, IfUnused: random.Next(3) > 0),
            < 7 => Queue(one, durable: random.Next(5) > 0, passive: random.Next(4) == 0),
            < 8 => new TopologyRequest.DeleteQueue(one, false, false),
            < 12 => Bind(random.Next(5) == 0 ? "amq.direct" : one, two, key),
            < 13 => new TopologyRequest.Bind(ToExchange(one, two, key)),
            < 15 => new TopologyRequest.Unbind(new Binding(random.Next(5) == 0 ? "amq.direct" : one, two, key)),
            _ => new TopologyRequest.Unbind(ToExchange(one, two, key)),
        };
    }

    private static Binding ToExchange(string one, string two, string key) => new(one, two, key, DestinationKind.Exchange) { Arguments = FieldTable.Of(("key", key), ("a", 1L)) };

    private static TopologyPlan PlanOf(TopologyMachine model, TopologyRequest request) => request switch
    {
        TopologyRequest.DeclareExchange r => model.PlanDeclareExchange(r.Declaration),
        TopologyRequest.DeleteExchange r => model.PlanDeleteExchange(r.Name, r.IfUnused),
        TopologyRequest.DeclareQueue r => model.PlanDeclareQueue(r.Declaration),
        TopologyRequest.DeleteQueue r => model.PlanQueueDeleted(r.Name),
        TopologyRequest.Bind r => model.PlanBind(r.Binding),
        TopologyRequest.Unbind r => model.PlanUnbind(r.Binding),
        _ => throw new ArgumentException($"{request}"),
    };
}
