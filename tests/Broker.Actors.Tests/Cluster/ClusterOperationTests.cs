using System.Collections.Concurrent;
using Broker.Actors.Cluster;
using Broker.Actors.Runtime;
using Broker.Coordination;
using Broker.Machines.Cluster;
using Broker.Protocol;

namespace Broker.Actors.Tests.Cluster;

/// <summary>What operators, the server and replicas ask of the cluster.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterOperationTests
{
    [Fact]
    public async Task A_draining_node_gives_up_its_leaders_and_keeps_its_replicas_until_it_is_to_be_up_again()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-2"];
        Assert.Null(await cluster["node-1"].DoAsync(new ClusterCommand.SetState("node-2", NodeState.Draining)));
        await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader is { } l && l.Node != "node-2")), "others lead its shards");
        Assert.All(node.Shards, s => Assert.Contains(node.Replica, s.InSync));
        Assert.Null(await node.DoAsync(new ClusterCommand.SetState("node-2", NodeState.Up)));
        await cluster.UntilAsync(() => node.Led.Count >= 20, "it leads about a third");
    }

    [Fact]
    public async Task A_leaving_node_gives_up_its_replicas_to_a_node_that_has_room()
    {
        await using var cluster = await TestCluster.StartAsync(4);
        await cluster.UntilAsync(() => cluster["node-2"].Led.Count > 0, "it leads");
        Assert.Null(await cluster["node-1"].DoAsync(new ClusterCommand.SetState("node-2", NodeState.Leaving)));
        await cluster.UntilAsync(() => cluster["node-1"].Shards.All(s => !s.Replicas.Contains("node-2") && s.InSync.Count == 3), "others have its replicas, in sync");
        Assert.All(cluster["node-1"].Shards, s => Assert.NotEqual("node-2", s.Leader?.Node));
    }

    [Fact]
    public async Task A_node_that_is_declared_down_is_replaced_and_its_links_end()
    {
        await using var cluster = await TestCluster.StartAsync(4);
        await cluster["node-4"].KillAsync();
        Assert.Null(await cluster["node-1"].DoAsync(new ClusterCommand.SetState("node-4", NodeState.Down)));
        await cluster.UntilAsync(() => cluster["node-1"].Shards.All(s => !s.Replicas.Contains("node-4") && s.InSync.Count == 3), "others have its replicas, in sync");
        await cluster.UntilAsync(() => cluster.There.All(n => n.Cluster.Links.Statuses.Count == 2), "nobody dials it");
    }

    [Theory]
    [InlineData(NodeState.Draining, NodeState.Up)]
    [InlineData(NodeState.Leaving, NodeState.Leaving)]
    [InlineData(NodeState.Down, NodeState.Down)]
    public async Task A_restart_ends_a_drain_and_nothing_else(NodeState asked, NodeState after)
    {
        await using var cluster = await TestCluster.StartAsync(3);
        Assert.Null(await cluster["node-1"].DoAsync(new ClusterCommand.SetState("node-2", asked)));
        await cluster["node-2"].StopAsync();
        await cluster.StartAsync("node-2");
        await cluster.UntilAsync(
            async () => (await cluster["node-1"].AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers())).Nodes.Single(m => m.Name == "node-2").State == after,
            $"it is {after}");
        await cluster.UntilAsync(() => cluster["node-1"].Cluster.Links.Statuses.Count(l => l.Life is not null) == (after == NodeState.Down ? 1 : 2), "links are as they should be");
    }

    [Fact]
    public async Task Nothing_can_be_asked_of_a_node_that_nobody_knows()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        Assert.Equal(ErrorCode.NotFound, (await cluster["node-1"].DoAsync(new ClusterCommand.SetState("node-7", NodeState.Down)))!.Value.Code);
    }

    [Fact]
    public async Task An_orderly_stop_hands_over_first()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-1"];
        var led = node.Led;
        await node.StopAsync();
        Assert.Contains(node.Events, e => e is { Kind: "left", Detail: "it led nothing" });
        Assert.DoesNotContain((await cluster.Metadata.ReadAsync(ClusterKeys.Nodes)).Values, v => v.Key == ClusterKeys.OfNode("node-1"));
        await cluster.UntilSettledAsync();
        Assert.NotEqual("node-1", await cluster.CoordinatorAsync());
        Assert.NotEmpty(led);
    }

    [Fact]
    public async Task The_last_node_that_stops_waits_for_nobody()
    {
        await using var cluster = new TestCluster { Configure = (_, o) => o with { DrainTimeout = TestCluster.Patience * 2, Placement = o.Placement with { GatheringTime = TimeSpan.Zero } } };
        await cluster.StartAllAsync("node-1");
        var node = cluster["node-1"];
        await node.StopAsync(); // which fails if it takes as long as TestCluster.Patience
        Assert.Contains(node.Events, e => e is { Kind: "left", Detail: "it still led 64 shards" });
    }

    [Fact]
    public async Task The_lead_of_a_shard_moves_where_an_operator_wants_it_and_stays_there()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var before = cluster["node-1"].Cluster.Shards[7].Assignment!;
        var to = before.InSync.First(r => r.Node != before.Leader!.Value.Node).Node;
        Assert.Null(await cluster["node-1"].DoAsync(new ClusterCommand.MoveLeader(7, to)));
        var after = cluster["node-1"].Cluster.Shards[7].Assignment!;
        Assert.Equal((cluster[to].Life, before.Epoch + 1, to), (after.Leader!.Value, after.Epoch, after.Replicas[0]));
        await cluster.UntilAsync(() => cluster.There.Max(n => n.Led.Count) - cluster.There.Min(n => n.Led.Count) < 2, "the others are balanced");
        Assert.Equal(to, (await cluster.ShardAsync(7)).Leader!.Value.Node);
    }

    [Fact]
    public async Task A_lead_does_not_move_where_it_cannot_be()
    {
        await using var cluster = await TestCluster.StartAsync(3, catchesUp: false);
        var node = cluster["node-1"];
        Assert.Equal(ErrorCode.NotFound, (await node.DoAsync(new ClusterCommand.MoveLeader(64, "node-2")))!.Value.Code);
        Assert.Equal(ErrorCode.PreconditionFailed, (await node.DoAsync(new ClusterCommand.MoveLeader(7, "node-9")))!.Value.Code);
        await cluster["node-3"].KillAsync();
        await cluster.UntilAsync(() => node.Shards.All(s => s.InSync.All(r => r.Node != "node-3") || s.Leader?.Node != "node-3"), "others lead its shards");
        await cluster.StartAsync("node-3");
        var behind = node.Shards.First(s => s.InSync.All(r => r.Node != "node-3"));
        Assert.Equal(ErrorCode.PreconditionFailed, (await node.DoAsync(new ClusterCommand.MoveLeader(behind.Shard, "node-3")))!.Value.Code);
    }

    [Fact]
    public async Task A_leader_changes_the_in_sync_set_once_and_only_from_what_is_there()
    {
        await using var cluster = await TestCluster.StartAsync(3, catchesUp: false);
        var leader = cluster.There.First(n => n.Led.Count > 0);
        var shard = leader.Led[0];
        var view = leader.Cluster.Shards[shard];
        var gone = view.Assignment!.InSync.First(r => r.Node != leader.Name);
        var replica = leader.Cluster.Replicas[shard];
        var smaller = view.Assignment with { InSync = [.. view.Assignment.InSync.Where(r => r != gone)] };

        replica.Tell(new ClusterCommand.Propose(view.Revision, smaller, null));
        await cluster.UntilAsync(() => leader.Replicas[shard].Assigned.Any(a => a.Assignment == smaller), "the change is known");
        var revision = leader.Cluster.Shards[shard].Revision;

        replica.Tell(new ClusterCommand.Propose(revision, view.Assignment, new NodeLife(gone.Node, 123_456))); // a life that never was
        await cluster.UntilAsync(() => leader.Replicas[shard].Told.OfType<ReplicaCommand.ProposalFailed>().Any(f => f.Revision == revision), "the proposal has failed");
        Assert.Equal(smaller, await cluster.ShardAsync(shard));

        replica.Tell(new ClusterCommand.Propose(revision, view.Assignment, cluster[gone.Node].Life));
        await cluster.UntilAsync(() => leader.Replicas[shard].Assigned.Last().Assignment == view.Assignment, "it is in sync again");

        replica.Tell(new ClusterCommand.Propose(revision, smaller, null)); // of a revision that is over
        Assert.Null(await leader.DoAsync(new ClusterCommand.SetState("node-1", NodeState.Up))); // which is answered later
        Assert.Equal(view.Assignment, await cluster.ShardAsync(shard));
    }

    [Fact]
    public async Task A_proposal_that_cannot_be_stored_has_failed()
    {
        await using var cluster = await TestCluster.StartAsync(3, catchesUp: false);
        var leader = cluster.There.First(n => n.Led.Count > 0);
        var shard = leader.Led[0];
        var view = leader.Cluster.Shards[shard];
        leader.Metadata.Cut();
        leader.Cluster.Replicas[shard].Tell(new ClusterCommand.Propose(view.Revision, view.Assignment! with { InSync = [leader.Replica] }, null));
        await cluster.UntilAsync(() => leader.Replicas[shard].Told[^1] is ReplicaCommand.ProposalFailed f && f.Revision == view.Revision, "the proposal has failed");
    }

    /// <summary>A leader that took it for failed would commit without who has joined, while a coordinator may elect just that one.</summary>
    [Fact]
    public async Task A_proposal_of_unknown_outcome_has_not_failed_because_it_cannot_be_sent_again()
    {
        await using var cluster = await TestCluster.StartAsync(3, catchesUp: false);
        var leader = cluster.There.First(n => n.Led.Count > 0);
        var shard = leader.Led[0];
        var view = leader.Cluster.Shards[shard];
        var smaller = view.Assignment! with { InSync = [.. view.Assignment.InSync.Where(r => r.Node != leader.Name).Take(1), leader.Replica] };
        var tries = 0;
        bool IsOfShard(MetadataTransaction t) => t.Operations.Any(o => o.Key == ClusterKeys.OfShard(shard));
        leader.Metadata.BeforeCommit = transaction => !IsOfShard(transaction) || ++tries != 2
            ? Task.CompletedTask
            : throw new MetadataUnavailableException("nothing can be sent", nothingChanged: true);
        leader.Metadata.AfterCommit = transaction => !IsOfShard(transaction) || tries != 1 ? Task.CompletedTask : throw new MetadataUnavailableException("no answer came");
        leader.Cluster.Replicas[shard].Tell(new ClusterCommand.Propose(view.Revision, smaller, null));
        await cluster.UntilAsync(() => Volatile.Read(ref tries) > 2 || leader.Replicas[shard].Told.Any(t => t is ReplicaCommand.ProposalFailed), "it was sent again, or given up");
        Assert.DoesNotContain(leader.Replicas[shard].Told, t => t is ReplicaCommand.ProposalFailed);
        await cluster.UntilAsync(() => leader.Replicas[shard].Assigned.Any(a => a.Assignment == smaller), "the change is known");
    }

    [Fact]
    public async Task An_ordered_election_takes_place_once_and_the_order_is_gone()
    {
        await using var cluster = await TestCluster.StartAsync(3, catchesUp: false);
        var node = cluster["node-1"];
        // Shard 7 is in sync on a store that nobody has any more.
        var lost = new ReplicaId("node-2", Guid.NewGuid());
        var value = ShardAssignmentCodec.Write(node.Cluster.Shards[7].Assignment! with { Leader = null, InSync = [lost], Epoch = 50 });
        await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(ClusterKeys.OfShard(7), value)] });
        await cluster.Metadata.CommitAsync(new MetadataTransaction
        {
            Operations =
            [
                MetadataOperation.Put(ClusterKeys.OfUncleanElection(7), ClusterValues.Write(cluster["node-3"].Replica)),
                MetadataOperation.Put(ClusterKeys.OfUncleanElection(8), ClusterValues.Write(cluster["node-3"].Replica)),
            ],
        });
        await cluster.UntilAsync(async () => (await cluster.Metadata.ReadAsync(ClusterKeys.UncleanElections)).Values.Count == 0, "both orders are gone");
        var shard = await cluster.ShardAsync(7);
        Assert.Equal((cluster["node-3"].Life, 51L), (shard.Leader!.Value, shard.Epoch));
        Assert.Equal([cluster["node-3"].Replica], shard.InSync);
    }

    [Fact]
    public async Task An_election_is_ordered_only_of_a_replica_that_is_there_and_only_when_nobody_in_sync_is()
    {
        await using var cluster = await TestCluster.StartAsync(4, catchesUp: false);
        var node = cluster["node-1"];
        var shard = node.Cluster.Shards[7].Assignment!;
        var outsider = cluster.There.Select(n => n.Name).Single(n => !shard.Replicas.Contains(n));
        var replica = shard.Replicas[0];
        Assert.Contains("without loss", (await node.DoAsync(new ClusterCommand.OrderElection(7, replica)))!.Value.Reason, StringComparison.Ordinal);
        Assert.Contains("has no replica", (await node.DoAsync(new ClusterCommand.OrderElection(7, outsider)))!.Value.Reason, StringComparison.Ordinal);
        Assert.Contains("is not there", (await node.DoAsync(new ClusterCommand.OrderElection(7, "node-9")))!.Value.Reason, StringComparison.Ordinal);
        Assert.Equal(ErrorCode.NotFound, (await node.DoAsync(new ClusterCommand.OrderElection(64, replica)))!.Value.Code);

        // Now it is in sync on a store that nobody has any more.
        var lost = shard with { Leader = null, InSync = [new ReplicaId(shard.Replicas[1], Guid.NewGuid())], Epoch = 50 };
        await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(ClusterKeys.OfShard(7), ShardAssignmentCodec.Write(lost))] });
        Assert.Null(await node.DoAsync(new ClusterCommand.OrderElection(7, replica)));
        await cluster.UntilAsync(async () => (await cluster.ShardAsync(7)).Leader is not null, "shard 7 has a leader");
        var after = await cluster.ShardAsync(7);
        Assert.Equal((cluster[replica].Life, 51L, cluster[replica].Replica), (after.Leader!.Value, after.Epoch, Assert.Single(after.InSync)));
        await cluster.UntilAsync(async () => (await cluster.Metadata.ReadAsync(ClusterKeys.UncleanElections)).Values.Count == 0, "the order is gone");
    }

    [Fact]
    public async Task A_node_is_forgotten_once_it_is_gone_and_has_nothing()
    {
        await using var cluster = await TestCluster.StartAsync(4);
        var node = cluster["node-1"];
        Assert.Contains("is there", (await node.DoAsync(new ClusterCommand.Forget("node-4")))!.Value.Reason, StringComparison.Ordinal);
        await cluster.UntilAsync(() => node.Shards.Any(s => s.InSync.Any(r => r.Node == "node-4")), "it has a share");
        await cluster["node-4"].StopAsync();
        Assert.Contains("replicas", (await node.DoAsync(new ClusterCommand.Forget("node-4")))!.Value.Reason, StringComparison.Ordinal);
        Assert.Null(await node.DoAsync(new ClusterCommand.SetState("node-4", NodeState.Down)));
        await cluster.UntilAsync(() => node.Shards.All(s => !s.Replicas.Contains("node-4")), "others have its replicas");
        Assert.Null(await node.DoAsync(new ClusterCommand.Forget("node-4")));
        await cluster.UntilAsync(
            async () => (await node.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers())).Nodes.All(m => m.Name != "node-4"), "nobody knows it any more");
        Assert.Equal(ErrorCode.NotFound, (await node.DoAsync(new ClusterCommand.Forget("node-4")))!.Value.Code);
    }

    [Fact]
    public async Task The_floor_of_epochs_only_rises()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var node = cluster["node-1"];
        Assert.Null(await node.DoAsync(new ClusterCommand.RaiseEpochs(1000)));
        await cluster.UntilAsync(() => node.Shards.All(s => s.Epoch > 1000), "all epochs are above 1000");
        Assert.Null(await node.DoAsync(new ClusterCommand.RaiseEpochs(1000)));
        Assert.Equal(ErrorCode.PreconditionFailed, (await node.DoAsync(new ClusterCommand.RaiseEpochs(999)))!.Value.Code);
        Assert.Equal(1000, (await node.AskAsync<ClusterReply.Members>(new ClusterCommand.ListMembers())).EpochFloor);
    }

    [Fact]
    public async Task After_a_restore_all_shards_get_higher_epochs_than_were_used()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        await cluster.Metadata.CommitAsync(new MetadataTransaction { Operations = [MetadataOperation.Put(ClusterKeys.EpochFloor, ClusterValues.WriteEpochFloor(1000))] });
        await cluster.UntilAsync(() => cluster["node-1"].Shards.All(s => s.Epoch > 1000), "all epochs are above 1000");
    }

    [Fact]
    public async Task Who_wants_to_hear_of_events_does()
    {
        await using var cluster = await TestCluster.StartAsync(3);
        var heard = new ConcurrentQueue<ClusterReply.Event>();
        var listener = cluster["node-1"].Server.System.ActorOf(Props.Create(() => new Listener(heard)));
        cluster["node-1"].Cluster.Cluster.Tell(new ClusterCommand.Tail(listener));
        await cluster["node-3"].StopAsync();
        await cluster.UntilAsync(() => heard.Any(e => e is { Kind: "node-down", Subject: "node-3" }), "the end of node-3 is told");
        Assert.Contains(heard, e => e is { Kind: "state", Subject: "node-3", Detail: "draining" });
        Assert.Contains(heard, e => e.Kind == "elected");
    }

    private sealed class Listener(ConcurrentQueue<ClusterReply.Event> heard) : Actor
    {
        protected override void Receive(object message) => heard.Enqueue((ClusterReply.Event)message);
    }
}
