using System.Globalization;
using Broker.Actors.Queues;
using Broker.Actors.Runtime;
using Broker.Actors.Runtime.Sharding;
using Broker.Actors.Tests.Links;
using Broker.Actors.Tests.Nodes;
using Broker.Machines.Topology;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A replica that is filled from its leader while the shard takes in more than the leader's log keeps.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SlowSnapshotTests
{
    private const string Queue = "orders";
    private const int Shards = 2;
    private const int MessageBytes = 16 << 10;
    private static int Shard => StableHash.ShardOf(Queue, Shards);

    [Fact]
    public async Task A_replica_whose_state_takes_longer_to_come_than_the_log_is_kept_gets_in_sync_all_the_same()
    {
        await using var cluster = new TestCluster { ShardCount = Shards, HasReplicas = true };
        await cluster.StartAllAsync("node-1", "node-2", "node-3");
        TestNode? leader = null;
        await cluster.UntilAsync(() => (leader = cluster.There.FirstOrDefault(n => n.Cluster.Shards[Shard].IsServing)) is not null, "a node serves the queue");
        await leader!.Services.QueueRegion.AskAsync<QueueReply.Started>(
            new ShardEnvelope(Queue, new QueueMessage.Start(1, new QueueDefinition(Queue, Durable: true, 1000))), TestCluster.Patience);
        var lost = cluster.There.First(n => n != leader);
        await lost.StopAsync();
        await using var publisher = await Publisher.ConnectAsync(leader);
        for (var i = 0; i < 32; i++)
        {
            await publisher.PublishAsync(16); // 8 MiB, of which the log keeps 4
        }

        var slow = new SlowDisk();
        var replica = await cluster.StartAsync(lost.Name, disk: slow.Disk);
        var isInSync = false;
        var traffic = Task.Run(async () =>
        {
            while (!Volatile.Read(ref isInSync))
            {
                if (await slow.MayPublishAsync(8 * MessageBytes))
                {
                    await publisher.PublishAsync(8);
                }
            }
        });
        await cluster.UntilAsync(
            async () => (await cluster.ShardAsync(Shard)).InSync.Any(r => r == replica.Replica) || traffic.IsFaulted, "the replica is in sync while traffic lasts");
        Volatile.Write(ref isInSync, true);
        slow.End();
        await traffic.WaitAsync(TestCluster.Patience);
        Assert.InRange(slow.Allowed, 5 << 20, long.MaxValue); // more than the log has room for
    }

    /// <summary>Its segments are written as slowly as the shard takes in more: for each byte of the one there is half a byte of the other.</summary>
    private sealed class SlowDisk
    {
        private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(500); // in sync, it may be what a publisher waits for
        private readonly SemaphoreSlim _written = new(0);
        private readonly ManualResetEventSlim _published = new(initialState: true);
        private long _allowed;
        private long _taken;
        private volatile bool _isOver;

        public SlowDisk() => Disk = new MemoryDisk { OnOperation = OnOperation };

        public MemoryDisk Disk { get; }

        /// <summary>Bytes that could be published so far.</summary>
        public long Allowed => Volatile.Read(ref _allowed);

        /// <summary>Waits until so much more may be published, or for a moment.</summary>
        public async Task<bool> MayPublishAsync(int bytes)
        {
            if (Allowed - _taken < bytes)
            {
                _published.Set();
                await _written.WaitAsync(s_longest);
                return false;
            }

            _taken += bytes;
            return true;
        }

        public void End()
        {
            _isOver = true;
            _published.Set();
        }

        private DiskError? OnOperation(DiskOperation operation)
        {
            if (operation.Kind == DiskOperationKind.Write && operation.Path.StartsWith("queues/", StringComparison.Ordinal) && !_isOver)
            {
                _published.Wait(s_longest);
                _published.Reset();
                Interlocked.Add(ref _allowed, operation.Length / 2);
                _written.Release();
            }

            return null;
        }
    }

    private sealed class Publisher(WireConnection connection, WireStream stream) : IAsyncDisposable
    {
        private ulong _sequence;

        public static async Task<Publisher> ConnectAsync(TestNode node)
        {
            var client = new QuicClientOptions { EndPoint = node.EndPoint, ServerName = "localhost", Tls = LinkCertificates.Dialler("client"), ApplicationProtocols = [ProtocolInfo.Alpn] };
            var connection = new WireConnection(await node.Transport.ConnectAsync(client));
            await connection.HelloAsync();
            return new Publisher(connection, await connection.OpenPublisherAsync());
        }

        public async Task PublishAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                await stream.PublishAsync(++_sequence, "", Queue, _sequence.ToString(CultureInfo.InvariantCulture).PadRight(MessageBytes), PublishFlags.Durable);
            }

            await stream.ExpectConfirmsAsync(count);
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
