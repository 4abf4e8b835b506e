using System.Diagnostics;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Hostile;

/// <summary>A client that minds its own business on the node: publishes and consumes round after round, and tolerates nothing but its messages, in order.</summary>
internal sealed class HealthyTraffic
{
    private const int Round = 20;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);
    private readonly BrokerClient _client;
    private readonly string _queue;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _flowing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;

    private HealthyTraffic(BrokerClient client, string queue)
    {
        _client = client;
        _queue = queue;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Messages published, confirmed, delivered and acknowledged so far.</summary>
    public long Messages { get; private set; }

    /// <summary>The longest that a round of <see cref="Round"/> messages took.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>Connects, and waits until the first messages have gone round.</summary>
    public static async Task<HealthyTraffic> StartAsync(NodeProcess node)
    {
        var queue = $"healthy-{Guid.NewGuid():N}";
        var client = await node.ConnectAsync(change: options => options with { ClientName = "healthy" });
        await client.DeclareQueueAsync(queue);
        var traffic = new HealthyTraffic(client, queue);
        await Wait.For(Task.WhenAny(traffic._flowing.Task, traffic._running), "the first healthy messages");
        return traffic;
    }

    /// <summary>Ends after the round that is under way; fails with whatever went wrong on the way.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await Wait.For(_running, "the end of the healthy traffic");
            Assert.False(_client.Closed.IsCompleted, "the healthy client has lost its connection");
        }
        finally
        {
            await _client.DisposeAsync();
        }
    }

    private async Task RunAsync()
    {
        await using var publisher = await _client.CreatePublisherAsync();
        await using var consumer = await _client.SubscribeAsync(_queue);
        await using var deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        for (var next = 0; !_stop.IsCancellationRequested; next += Round)
        {
            var start = Stopwatch.GetTimestamp();
            for (var number = next; number < next + Round; number++)
            {
                await publisher.PublishAsync("", _queue, BitConverter.GetBytes(number));
            }

            await Wait.For(publisher.FlushAsync(), $"the confirms of healthy messages {next} to {next + Round - 1}");
            for (var number = next; number < next + Round; number++)
            {
                Assert.True(await Wait.For(deliveries.MoveNextAsync(), $"healthy message {number}"), "the subscription has ended");
                Assert.Equal(number, BitConverter.ToInt32(deliveries.Current.Body.Span));
                Assert.False(deliveries.Current.Redelivered, $"healthy message {number} came a second time");
                await deliveries.Current.AckAsync();
            }

            Messages = next + Round;
            var taken = Stopwatch.GetElapsedTime(start);
            Longest = taken > Longest ? taken : Longest;
            _flowing.TrySetResult();
            await Task.Delay(s_pause);
        }
    }
}
