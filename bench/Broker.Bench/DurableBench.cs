using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Client;

namespace Broker.Bench;

/// <summary>What one durable measurement gives.</summary>
/// <param name="Rate">Messages a second, from the first publish to the last receipt.</param>
/// <param name="NodeMicroseconds">CPU time of the node for one.</param>
/// <param name="Confirm">From publish to confirm.</param>
/// <param name="EndToEnd">From publish to receipt.</param>
internal sealed record DurableResult(double Rate, double NodeMicroseconds, Latencies Confirm, Latencies EndToEnd);

/// <summary>Durable queues: every message is on the disk, synced, before its confirm, and acknowledged by its consumer.</summary>
/// <param name="options">Where clients connect.</param>
/// <param name="cpuTime">CPU time that the broker has used so far.</param>
/// <param name="seconds">Length of a measurement.</param>
/// <param name="atLeader">Publish and consume at the leader, whichever node the clients connect to.</param>
internal sealed class DurableBench(BrokerClientOptions options, Func<TimeSpan> cpuTime, double seconds, bool atLeader = false)
{
    private const int StreamsPerConnection = 250; // the node allows 256
    private const int SampleEvery = 16;
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(60);

    /// <summary>The queue with a number.</summary>
    public static string QueueName(int bodyBytes, int number) => $"durable-{bodyBytes}-{number}";

    /// <summary>Queues with a producer and a consumer each, as many messages unconfirmed and unacknowledged as the window says.</summary>
    public async Task<DurableResult> RunAsync(int queues, int bodyBytes, int window)
    {
        var clients = new List<BrokerClient>();
        try
        {
            while (clients.Count * StreamsPerConnection < queues * 2)
            {
                clients.Add(await BrokerClient.ConnectAsync(options));
            }

            if (clients.Count == 1)
            {
                clients.Add(await BrokerClient.ConnectAsync(options)); // one for each side
            }

            var pairs = new List<Pair>();
            for (var i = 0; i < queues; i++)
            {
                var producing = clients[i % (clients.Count / 2)];
                var consuming = clients[(clients.Count / 2) + (i % (clients.Count / 2))];
                pairs.Add(await Pair.OpenAsync(producing, consuming, QueueName(bodyBytes, i), bodyBytes, window, atLeader));
            }

            var cpu = cpuTime();
            var clock = Stopwatch.StartNew();
            await Task.WhenAll(pairs.Select(p => Task.Run(() => p.PublishAsync(clock, seconds))));
            var sent = pairs.Sum(p => p.Sent);
            while (pairs.Sum(p => p.Received) < sent)
            {
                if (clock.Elapsed > TimeSpan.FromSeconds(seconds) + StallTimeout)
                {
                    throw new TimeoutException($"{pairs.Sum(p => p.Received)} of {sent} messages came within {clock.Elapsed}");
                }

                await Task.Delay(1);
            }

            var elapsed = clock.Elapsed;
            var used = cpuTime() - cpu;
            var (confirm, endToEnd) = (new Latencies(), new Latencies());
            foreach (var pair in pairs)
            {
                pair.AddTo(confirm, endToEnd);
                await pair.DisposeAsync();
            }

            return new DurableResult(sent / elapsed.TotalSeconds, used.TotalMicroseconds / sent, confirm, endToEnd);
        }
        finally
        {
            await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));
        }
    }

    /// <summary>One queue with its producer and its consumer.</summary>
    private sealed class Pair(BrokerClient producing, string queue, int bodyBytes, Publisher publisher, Consumer consumer) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Latencies _confirm = new();
        private readonly Latencies _endToEnd = new();
        private Task _consuming = Task.CompletedTask;
        private long _received;

        public long Sent { get; private set; }

        public long Received => Interlocked.Read(ref _received);

        public static async Task<Pair> OpenAsync(BrokerClient producing, BrokerClient consuming, string queue, int bodyBytes, int window, bool atLeader)
        {
            await producing.DeclareQueueAsync(queue, new QueueOptions { Durable = true });
            await producing.PurgeQueueAsync(queue);
            var publisher = await producing.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = window, LeaderOf = atLeader ? queue : "" });
            var consumer = await consuming.SubscribeAsync(
                queue, new ConsumerOptions { PrefetchMessages = window, PrefetchBytes = 8 << 20, SettleDelay = TimeSpan.FromMilliseconds(1), PreferLeader = atLeader });
            var pair = new Pair(producing, queue, bodyBytes, publisher, consumer);
            pair._consuming = Task.Run(pair.ConsumeAsync);
            return pair;
        }

        public async Task PublishAsync(Stopwatch clock, double seconds)
        {
            var options = new PublishOptions { Durable = true };
            var body = new byte[bodyBytes];
            var flush = Task.CompletedTask;
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                BinaryPrimitives.WriteInt64LittleEndian(body, Stopwatch.GetTimestamp());
                await publisher.PublishAsync("", queue, body, options);
                if (Sent++ % SampleEvery == 0 && flush.IsCompleted)
                {
                    flush = MeasureAsync(Stopwatch.GetTimestamp());
                }
            }

            await publisher.FlushAsync().WaitAsync(StallTimeout);
            await flush;
        }

        public void AddTo(Latencies confirm, Latencies endToEnd)
        {
            confirm.Add(_confirm);
            endToEnd.Add(_endToEnd);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _consuming;
            await consumer.DisposeAsync();
            await publisher.DisposeAsync();
            await producing.DeleteQueueAsync(queue);
            _stop.Dispose();
        }

        /// <summary>When everything up to now is confirmed, the message that was published last is.</summary>
        private async Task MeasureAsync(long start)
        {
            await publisher.FlushAsync();
            _confirm.Add(Stopwatch.GetElapsedTime(start));
        }

        private async Task ConsumeAsync()
        {
            try
            {
                while (await consumer.ReadBatchAsync(_stop.Token) is { } batch)
                {
                    using (batch)
                    {
                        _endToEnd.Add(Stopwatch.GetElapsedTime(BinaryPrimitives.ReadInt64LittleEndian(batch[^1].Body.Span)));
                        await batch.AckAllAsync();
                        Interlocked.Add(ref _received, batch.Count);
                    }
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // everything has come
            }
        }
    }
}
