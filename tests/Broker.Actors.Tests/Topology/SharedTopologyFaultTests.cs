using Broker.Actors.Topology;
using Broker.Machines.Topology;
using Broker.Protocol;
using static Broker.Actors.Tests.Topology.SharedTopologyTests;

namespace Broker.Actors.Tests.Topology;

/// <summary>A store that does not answer, or whose answers are lost: what a client is told is true, and all nodes know the same.</summary>
public sealed class SharedTopologyFaultTests
{
    public static TheoryData<string, string> Requests
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var request in new[] { "declare exchange", "delete exchange", "declare queue", "declare unnamed queue", "delete queue", "bind", "unbind" })
            {
                foreach (var fate in new[] { Fate.AnswerLost, Fate.Lost, Fate.Late })
                {
                    data.Add(request, $"{fate}");
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_whose_answer_is_lost_is_done_once(string what, string fate)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await PrepareAsync(cluster.A);
        await cluster.AgreeAsync();
        var request = RequestOf(what);
        cluster.A.Queues.Messages = 3;
        Meet(cluster.A, Enum.Parse<Fate>(fate));
        var reply = await cluster.A.DoAsync(request);
        Assert.Equal(request is TopologyRequest.DeclareQueue or TopologyRequest.DeleteQueue ? 3 : 0, reply.Messages);
        var after = await cluster.AgreeAsync();
        Assert.DoesNotContain(true, await cluster.A.Metadata.SendLateAsync());
        Assert.Equal(after, await cluster.AgreeAsync());
        if (reply.Name.Length == 0)
        {
            Assert.Null((await cluster.B.AskAsync(request)).Fault);
            Assert.Equal(after, await cluster.AgreeAsync());
        }
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_that_nobody_answers_is_refused_and_can_be_repeated(string what, string fate)
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await PrepareAsync(cluster.A);
        var request = RequestOf(what);
        cluster.A.Metadata.FateOf = t => t.Operations.Count > 0 ? Enum.Parse<Fate>(fate) : Fate.Refused;
        cluster.A.Metadata.RefusesReads = true;
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, request);
        cluster.A.Metadata.FateOf = _ => Fate.Good;
        cluster.A.Metadata.RefusesReads = false;
        await cluster.A.Metadata.SendLateAsync();
        await cluster.AgreeAsync();
        await cluster.A.DoAsync(request);
        await cluster.AgreeAsync();
    }

    [Fact]
    public async Task What_is_so_already_can_be_declared_while_the_store_does_not_answer_and_nothing_else()
    {
        await using var cluster = await TopologyCluster.StartAsync(1);
        await PrepareAsync(cluster.A);
        await cluster.A.DoAsync(Bind("x", "q", "k"));
        var before = await cluster.AgreeAsync();
        cluster.A.Metadata.FateOf = _ => Fate.Refused;
        await cluster.A.DoAsync(Exchange("x"));
        await cluster.A.DoAsync(Queue("q", passive: true));
        await cluster.A.DoAsync(Bind("x", "q", "k"));
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, Exchange("new"));
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, Exchange("x", "fanout"));
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, Queue("new", passive: true));
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, new TopologyRequest.DeleteQueue("q", false, false));
        await cluster.A.RefusedAsync(ErrorCode.InvalidArgument, Exchange("new", "no such type"));
        await cluster.A.RefusedAsync(ErrorCode.AccessRefused, Bind("", "q"));
        Assert.Equal(before, await cluster.AgreeAsync()); // the queue, too, is back
    }

    [Fact]
    public async Task Removal_of_an_end_with_many_bindings_leaves_something_consistent_wherever_it_stops()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await PrepareAsync(cluster.A);
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => cluster.A.DoAsync(Bind("x", "q", $"k{i}"))));
        await cluster.AgreeAsync();
        var parts = 0;
        cluster.A.Metadata.FateOf = t => ++parts > 1 ? Fate.Refused : Fate.Good;
        await cluster.A.RefusedAsync(ErrorCode.Unavailable, new TopologyRequest.DeleteExchange("x", false));
        var left = await cluster.AgreeAsync();
        Assert.InRange(left.Split("->").Length - 1, 170, 180);
        cluster.A.Metadata.FateOf = _ => Fate.Good;
        await cluster.A.DoAsync(new TopologyRequest.DeleteQueue("q", false, false));
        Assert.Equal("x:Direct:True y:Fanout:True", await cluster.AgreeAsync());
    }

    [Fact]
    public async Task Binding_that_comes_between_the_parts_of_a_removal_goes_with_the_rest()
    {
        await using var cluster = await TopologyCluster.StartAsync(2);
        await PrepareAsync(cluster.A);
        await cluster.A.DoAsync(Queue("late"));
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => cluster.A.DoAsync(Bind("x", "q", $"k{i}"))));
        await cluster.AgreeAsync();
        var parts = 0;
        cluster.A.Metadata.FateOf = _ =>
        {
            if (++parts == 2)
            {
                cluster.B.DoAsync(Bind("x", "late")).GetAwaiter().GetResult();
            }

            return Fate.Good;
        };
        await cluster.A.DoAsync(new TopologyRequest.DeleteExchange("x", false));
        Assert.Equal(1, cluster.A.Metadata.Conflicts);
        Assert.DoesNotContain("x-", await cluster.AgreeAsync(), StringComparison.Ordinal);
    }

    /// <summary>The next transaction that changes something meets this fate.</summary>
    internal static void Meet(TopologyNode node, Fate fate)
    {
        var met = false;
        node.Metadata.FateOf = t =>
        {
            var meets = !met && t.Operations.Count > 0;
            met |= meets;
            return meets ? fate : Fate.Good;
        };
    }

    private static async Task PrepareAsync(TopologyNode node)
    {
        await node.DoAsync(Exchange("x"));
        await node.DoAsync(Exchange("y", "fanout"));
        await node.DoAsync(Queue("q"));
        await node.DoAsync(Bind("y", "q", "bound"));
    }

    private static TopologyRequest RequestOf(string what) => what switch
    {
        "declare exchange" => Exchange("new"),
        "delete exchange" => new TopologyRequest.DeleteExchange("y", false),
        "declare queue" => Queue("new"),
        "declare unnamed queue" => Queue(""),
        "delete queue" => new TopologyRequest.DeleteQueue("q", false, false),
        "bind" => Bind("x", "q", "k"),
        "unbind" => new TopologyRequest.Unbind(new Binding("y", "q", "bound")),
        _ => throw new ArgumentException(what),
    };
}
