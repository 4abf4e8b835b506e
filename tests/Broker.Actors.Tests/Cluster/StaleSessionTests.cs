using System.Threading.Channels;
using Broker.Actors.Cluster;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Replication;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A follower that hears nothing for a while, because what was sent to it has not got through yet, asks again although its link is up.</summary>
[Collection(ClusterCollection.Name)]
public sealed class StaleSessionTests
{
    /// <summary>It would hear nothing of the new session until all of the old one had got through: if that takes as long as it waits before it asks, it asks for ever.</summary>
    [Fact]
    public async Task What_waits_for_a_follower_that_has_begun_anew_is_not_sent_any_more()
    {
        await using var cluster = new TestCluster { ShardCount = 1, HasReplicas = true };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        TestNode? leader = null;
        await cluster.UntilAsync(() => (leader = cluster.There.FirstOrDefault(n => n.Cluster.Shards[0].IsServing)) is not null, "a node serves the shard");
        var follower = cluster.There.First(n => n != leader);
        var (life, replica) = (follower.Life, follower.Replica);
        await follower.KillAsync();
        await cluster.UntilAsync(() => leader!.Cluster.Links.Statuses.Single(l => l.Node == life.Node).Life is null, "the leader misses it");
        await cluster.UntilAsync(() => leader!.Cluster.Shards[0].IsServing, "it serves the shard still");

        var heard = Channel.CreateUnbounded<object>();
        var link = leader!.Server.System.ActorOf(Props.Create(() => new Recorder(heard.Writer)), "slow-link");
        var owner = leader.Cluster.Replicas[0];
        owner.Tell(new LinkAdded(life.Node, link), link);
        owner.Tell(new LinkUp(life, replica.Store), link);
        Follow(session: 1);
        await NextAsync<LinkMessage.OpenShard>(heard);
        var sender = new ShardSender(link, 0, roomBytes: 1, maxMessageBytes: 1 << 20);
        owner.Tell(new ShardOpened(life, sender), link);
        Assert.Equal(1, await SessionAsync(heard));
        Follow(session: 2);
        Follow(session: 3);
        owner.Tell(new ShardRoom(sender, 1 << 20), link);
        Assert.Equal(3, await SessionAsync(heard));

        void Follow(long session)
        {
            var writer = new ReplicaWriter();
            writer.Raw(0); // a whole message
            ReplicaMessageCodec.Write(writer, new ReplicaMessage.Follow(leader.Cluster.Shards[0].ServingEpoch, session, life, replica, new Lineage()));
            owner.Tell(new ShardMessage(life, 0, writer.Written), link);
        }
    }

    /// <summary>Session of the next message that is sent.</summary>
    private static async Task<long> SessionAsync(Channel<object> heard)
    {
        var sent = await NextAsync<ShardOutbox.Send>(heard);
        return ReplicaMessageCodec.Read(new ReplicaReader(sent.Message[1..])).Session;
    }

    private static async Task<T> NextAsync<T>(Channel<object> heard)
    {
        while (true)
        {
            if (await heard.Reader.ReadAsync().AsTask().WaitAsync(TestCluster.Patience) is T found)
            {
                return found;
            }
        }
    }

    /// <summary>Stands in for a link and its stream.</summary>
    private sealed class Recorder(ChannelWriter<object> heard) : Actor
    {
        protected override void Receive(object message) => heard.TryWrite(message);
    }
}
