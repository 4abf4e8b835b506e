using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Transport.Ngtcp2;

namespace Broker.Node.Tests.Cluster;

/// <summary>A client that wants to be at a queue's leader, with three real nodes and a real etcd.</summary>
[Collection(ProcessCollection.Name)]
public sealed class PreferLeaderTests(ITestOutputHelper output)
{
    private const string Queue = "orders";
    private const string ClientName = "prefers-leader";
    private const int Batch = 20;
    private static readonly int s_shard = ClusterProcess.ShardOf(Queue);
    private readonly ConcurrentDictionary<int, bool> _settled = new(); // and whether that was confirmed; else it may have been, or comes again
    private readonly ConcurrentQueue<string> _violations = new();
    private Task[] _tasks = [];
    private int _confirmed;

    [Fact]
    public async Task Publisher_and_consumer_follow_the_leader_that_is_moved_and_the_one_that_is_killed_and_nothing_is_lost()
    {
        await using var cluster = await ClusterProcess.StartAsync();
        await using var transport = new Ngtcp2Transport(); // one that does not go with a node
        var leader = await cluster.LeaderOfAsync(s_shard);
        var (own, next) = (cluster.Nodes.First(node => node != leader), cluster.Nodes.Last(node => node != leader));
        await using var client = await own.Process.ConnectAsync(change: options => options with
        {
            Endpoints = [own.Endpoint, .. cluster.Endpoints.Where(endpoint => endpoint != own.Endpoint)],
            KeepEndpointOrder = true,
            Transport = transport,
            ClientName = ClientName,
            RecoverConnection = true,
        });
        await Wait.For(client.DeclareQueueAsync(Queue), "the declaration");
        using var end = new CancellationTokenSource();
        using var endOfLoad = new CancellationTokenSource();
        var (consuming, publishing) = (ConsumeAsync(client, end.Token), PublishAsync(client, endOfLoad.Token));
        _tasks = [consuming, publishing];

        await UntilAtLeaderAsync(cluster, client, "after the start");
        await own.RunAsync("cluster-sharding move", new JsonObject { ["shard"] = s_shard, ["node"] = next.Name });
        Assert.Equal(next.Name, (await cluster.LeaderOfAsync(s_shard)).Name);
        await UntilAtLeaderAsync(cluster, client, "after the move");
        await next.KillAsync();
        await UntilAtLeaderAsync(cluster, client, "after the kill");

        await endOfLoad.CancelAsync();
        await Wait.For(publishing, "the last confirms");
        await Wait.Until(() => Task.FromResult(_settled.Count), settled => settled >= _confirmed, $"all {_confirmed} messages that were confirmed have come and were settled");
        await end.CancelAsync();
        await Wait.For(consuming, "the consumer's end");
        Assert.Empty(_violations);
        output.WriteLine($"{_confirmed} messages confirmed");
    }

    /// <summary>Waits until publisher and consumer are at the leader, by what its node says of its connections, and something was confirmed since.</summary>
    private async Task UntilAtLeaderAsync(ClusterProcess cluster, BrokerClient client, string when)
    {
        var since = Stopwatch.GetTimestamp();
        await Wait.Until(
            async () =>
            {
                var leader = await cluster.LeaderOfAsync(s_shard);
                var streams = (await leader.RunAsync("connection list")).Where(row => row.GetProperty("client").GetString() == ClientName)
                    .SelectMany(row => row.GetProperty("streamDetails").EnumerateArray()).Select(stream => stream.GetProperty("kind").GetString()).ToList();
                var queue = await Wait.For(client.DeclareQueueAsync(Queue, new QueueOptions { Passive = true }), "a description of the queue");
                return $"at {leader.Name}, the leader ('{queue.Leader}' says {client.NodeId}): {string.Join(' ', streams)}{string.Concat(_tasks.Select(static task => task.Exception?.Message))}";
            },
            streams => streams.Contains("publish", StringComparison.Ordinal) && streams.Contains("consume", StringComparison.Ordinal),
            $"publisher and consumer are at the leader {when}",
            2 * Wait.Limit);
        output.WriteLine($"at the leader {when}: {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s");
        var before = _confirmed;
        await Wait.Until(() => Task.FromResult(_confirmed), confirmed => confirmed > before + Batch, $"messages are confirmed {when}");
    }

    private async Task PublishAsync(BrokerClient client, CancellationToken end)
    {
        await using var publisher = await client.CreatePublisherAsync(new PublisherOptions { LeaderOf = Queue }, CancellationToken.None);
        for (var first = 0; !end.IsCancellationRequested; first += Batch)
        {
            for (var number = first; number < first + Batch; number++)
            {
                await publisher.PublishAsync("", Queue, BitConverter.GetBytes(number), cancellationToken: CancellationToken.None);
            }

            await publisher.FlushAsync(CancellationToken.None);
            Volatile.Write(ref _confirmed, first + Batch);
        }
    }

    private async Task ConsumeAsync(BrokerClient client, CancellationToken end)
    {
        var newest = -1;
        try
        {
            await using var consumer = await client.SubscribeAsync(Queue, new ConsumerOptions { PreferLeader = true, ConfirmSettles = true }, end);
            while (true)
            {
                using var batch = await consumer.ReadBatchAsync(end);
                foreach (var delivery in batch!)
                {
                    var number = BitConverter.ToInt32(delivery.Body.Span);
                    Expect(!_settled.GetValueOrDefault(number), $"{number} has come again after its settlement was confirmed");
                    Expect(number <= newest + 1, $"{number} came after {newest}");
                    newest = Math.Max(newest, number);
                }

                await SettleAsync(batch);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // All is done.
        }
    }

    private async Task SettleAsync(DeliveryBatch batch)
    {
        var isConfirmed = true;
        try
        {
            await batch.AckAllAsync();
        }
        catch (BrokerException)
        {
            isConfirmed = false; // the leader is gone, and may have done it
        }

        foreach (var delivery in batch)
        {
            _settled[BitConverter.ToInt32(delivery.Body.Span)] = isConfirmed;
        }
    }

    private void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            _violations.Enqueue(otherwise);
        }
    }
}
