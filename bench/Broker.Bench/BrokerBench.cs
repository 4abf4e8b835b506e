using System.Diagnostics;
using Broker.Client;

namespace Broker.Bench;

/// <summary>A node and its clients, over real QUIC: transient messages in transient queues, so that no disk is measured.</summary>
internal sealed class BrokerBench(BrokerClientOptions options, ChildProcess node, double seconds)
{
    private static readonly QueueOptions TransientQueue = new() { Durable = false };
    private static readonly PublishOptions TransientMessage = new() { Durable = false };
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Messages per second from producers to consumers, each pair on its own connections and queue, confirmed on one side and counted on the other; and the
    /// microseconds of CPU that the node takes for one, which a busy machine disturbs less.
    /// </summary>
    public async Task<(double Rate, double NodeMicroseconds)> EndToEndAsync(int bodyBytes, int pairs, bool acknowledge)
    {
        var cpu = node.CpuTime;
        var results = await Task.WhenAll(Enumerable.Range(0, pairs).Select(i => Task.Run(() => PairAsync($"bench-{bodyBytes}-{i}", bodyBytes, acknowledge))));
        return (results.Sum(r => r.Rate), (node.CpuTime - cpu).TotalMicroseconds / results.Sum(r => r.Messages));
    }

    /// <summary>Time from publish to confirm at 1,000 messages a second of 1 KiB, while a consumer takes them; on the disk or not.</summary>
    public async Task<Latencies> ConfirmLatencyAsync(bool durable)
    {
        const string Queue = "bench-latency";
        await using var client = await BrokerClient.ConnectAsync(options);
        await client.DeclareQueueAsync(Queue, new QueueOptions { Durable = durable });
        using var stop = new CancellationTokenSource();
        var consuming = DrainAsync(client, Queue, stop.Token);
        var latencies = new Latencies();
        var pending = new List<Task>();
        var body = new byte[1024];
        var publishing = new PublishOptions { Durable = durable };
        var clock = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        for (var sent = 0; clock.Elapsed.TotalSeconds < seconds; await timer.WaitForNextTickAsync())
        {
            // As many as are due: a late tick must not lower the rate, and their lateness is not the broker's.
            for (; sent < clock.Elapsed.TotalMilliseconds; sent++)
            {
                pending.Add(MeasureAsync());
            }
        }

        await Task.WhenAll(pending).WaitAsync(StallTimeout);
        await stop.CancelAsync();
        await consuming;
        await client.DeleteQueueAsync(Queue);
        return latencies;

        async Task MeasureAsync()
        {
            var start = Stopwatch.GetTimestamp();
            await client.PublishAsync("", Queue, body, publishing);
            var elapsed = Stopwatch.GetElapsedTime(start);
            lock (latencies)
            {
                latencies.Add(elapsed);
            }
        }
    }

    /// <summary>Resident memory of the node per connection that has said HELLO and does nothing, in KiB.</summary>
    public async Task<double> IdleConnectionAsync(int count)
    {
        var before = node.ResidentKiB;
        var clients = new List<BrokerClient>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                clients.Add(await BrokerClient.ConnectAsync(options));
            }

            await Task.Delay(TimeSpan.FromSeconds(2)); // lets acknowledgements and tickets settle: what is measured is rest
            return (node.ResidentKiB - before) / (double)count;
        }
        finally
        {
            await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));
        }
    }

    private async Task<(double Rate, long Messages)> PairAsync(string queue, int bodyBytes, bool acknowledge)
    {
        await using var producing = await BrokerClient.ConnectAsync(options);
        await using var consuming = await BrokerClient.ConnectAsync(options);
        await producing.DeclareQueueAsync(queue, TransientQueue);
        await producing.PurgeQueueAsync(queue);
        await using var consumer = await consuming.SubscribeAsync(
            queue, new ConsumerOptions { NoAck = !acknowledge, PrefetchMessages = 16_384, PrefetchBytes = 8 << 20 });
        await using var publisher = await producing.CreatePublisherAsync();
        using var stop = new CancellationTokenSource();
        long received = 0;
        var consumption = Task.Run(async () =>
        {
            try
            {
                while (await consumer.ReadBatchAsync(stop.Token) is { } batch)
                {
                    using (batch)
                    {
                        Interlocked.Add(ref received, batch.Count);
                        if (acknowledge)
                        {
                            await batch.AckAllAsync();
                        }
                    }
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // everything has come
            }
        });
        var clock = Stopwatch.StartNew();
        long sent = 0;
        var body = new byte[bodyBytes];
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            for (var i = 0; i < 64; i++)
            {
                await publisher.PublishAsync("", queue, body, TransientMessage);
            }

            sent += 64;
        }

        await publisher.FlushAsync().WaitAsync(StallTimeout);
        while (Interlocked.Read(ref received) < sent)
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(seconds) + StallTimeout)
            {
                throw new TimeoutException($"{received} of {sent} messages came within {clock.Elapsed}");
            }

            await Task.Delay(1);
        }

        var rate = sent / clock.Elapsed.TotalSeconds;
        await stop.CancelAsync();
        await consumption;
        await producing.DeleteQueueAsync(queue);
        return (rate, sent);
    }

    private static async Task DrainAsync(BrokerClient client, string queue, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var delivery in client.ConsumeAsync(queue, cancellationToken: cancellationToken))
            {
                await delivery.AckAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // the measurement is over
        }
    }
}
