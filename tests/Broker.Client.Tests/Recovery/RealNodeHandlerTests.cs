using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Broker.Client.Extensions;
using Broker.Client.Tests.Extensions;
using Broker.Client.Tests.Scripted;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Broker.Client.Tests.Recovery;

/// <summary>Handlers and hosts with nodes as they are, on a network in memory.</summary>
public sealed class RealNodeHandlerTests
{
    private readonly InMemoryNetwork _network = new();
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task A_message_whose_handler_throws_comes_again_and_one_that_is_rejected_does_not()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        var handled = new ConcurrentQueue<(int, bool)>();
        var done = new TaskCompletionSource();
        var options = new HandlerOptions
        {
            OnException = static (_, exception) => exception is ArgumentException ? FailureOutcome.Reject : FailureOutcome.Requeue,
            Consumer = new ConsumerOptions { PrefetchMessages = 1 },
        };
        await using (await client.ConsumeAsync(
            "orders",
            (message, _) =>
            {
                var number = Number(message);
                handled.Enqueue((number, message.Redelivered));
                if (number == 3)
                {
                    done.TrySetResult();
                }

                return number switch
                {
                    1 when !message.Redelivered => throw new InvalidOperationException("for now"),
                    2 => throw new ArgumentException("for good"),
                    _ => Task.CompletedTask,
                };
            },
            options))
        {
            for (var i = 1; i <= 3; i++)
            {
                await client.PublishAsync("", "orders", Body(i));
            }

            await Within.TimeAsync(done.Task, "the third");
        }

        Assert.Equal([(1, false), (1, true), (2, false), (3, false)], handled);
        Assert.Null(await client.GetAsync("orders"));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(8, 2)]
    public async Task Every_message_is_handled_while_connections_are_cut(int concurrency, int seed)
    {
        const int Count = 2000;
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders");
        var handled = new ConcurrentDictionary<int, bool>();
        var calls = 0;
        var due = 0; // how many messages are to be handled before the next cut
        var all = new TaskCompletionSource();
        await using (await client.ConsumeAsync(
            "orders",
            (message, _) =>
            {
                Interlocked.Increment(ref calls);
                if (handled.TryAdd(Number(message), true) && handled.Count == Count)
                {
                    all.TrySetResult();
                }

                return Task.CompletedTask;
            },
            new HandlerOptions { MaxConcurrency = concurrency, Consumer = new ConsumerOptions { PrefetchMessages = 32, ConfirmSettles = concurrency > 1 } }))
        {
            await using var publisher = await client.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = 64 });
            var publishing = Task.Run(async () =>
            {
                for (var i = 1; i <= Count; i++)
                {
                    while (Volatile.Read(ref due) + 200 < i)
                    {
                        await Task.Yield(); // or all would be handled before the first cut
                    }

                    await publisher.PublishAsync("", "orders", Body(i));
                }

                await publisher.FlushAsync();
            });
            var random = new Random(seed);
            var cuts = 0;
            for (var next = random.Next(100); next < Count; next += random.Next(1, 200))
            {
                Volatile.Write(ref due, next);
                while (Volatile.Read(ref calls) < next && !all.Task.IsCompleted)
                {
                    await Task.Yield();
                }

                int cut;
                while ((cut = await node.Transport.CutAsync()) == 0 && !all.Task.IsCompleted)
                {
                    await Task.Yield(); // the one before was cut so lately that there is no other yet
                }

                cuts += cut;
            }

            Volatile.Write(ref due, Count);
            await Within.TimeAsync(publishing, $"the confirms after {cuts} cuts, seed {seed}");
            await Within.TimeAsync(all.Task, $"all messages after {cuts} cuts, seed {seed}; {handled.Count} were handled");
            Assert.True(cuts > 5, $"only {cuts} connections were cut");
        }

        Assert.Null(await client.GetAsync("orders")); // everything is acknowledged
    }

    [Fact]
    public async Task A_host_handles_messages_while_it_runs_and_leaves_the_rest_in_the_queue()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var other = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        var numbers = new Numbers();
        await using (var host = new TestHost(services =>
        {
            services.AddSingleton(numbers);
            services.AddBrokerClient(settings => settings.Customize = _ => RealNode.Options(transport, 7400));
            services.AddBrokerConsumer<NumberHandler>("orders", static settings => settings.Declare = new QueueOptions());
            services.AddHealthChecks().AddBroker();
        }))
        {
            await host.StartAsync();
            var client = await Within.TimeAsync(host.Services.GetRequiredService<IBrokerClientProvider>().GetAsync().AsTask(), "the client");
            await client.DeclareQueueAsync("orders");
            for (var i = 1; i <= 10; i++)
            {
                await client.PublishAsync("", "orders", Body(i));
            }

            await Within.TimeAsync(numbers.Ten.Task, "ten messages");
            var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
            Assert.Equal(HealthStatus.Healthy, report.Status);
            await Within.TimeAsync(host.StopAsync(), "the host's end");
        }

        await other.PublishAsync("", "orders", Body(11));
        Assert.Equal(Enumerable.Range(1, 10), numbers.Handled);
        Assert.Equal(11, Number((await other.GetAsync("orders", noAck: true))!.Value));
        Assert.Null(await other.GetAsync("orders"));
    }

    private static byte[] Body(int number) => Encoding.UTF8.GetBytes($"{number}");

    private static int Number(Delivery delivery) => int.Parse(Encoding.UTF8.GetString(delivery.Body.Span), CultureInfo.InvariantCulture);

    private sealed class Numbers
    {
        public TaskCompletionSource Ten { get; } = new();

        public ConcurrentQueue<int> Handled { get; } = new();
    }

    private sealed class NumberHandler(Numbers numbers) : IMessageHandler
    {
        public Task HandleAsync(Delivery delivery, CancellationToken cancellationToken)
        {
            numbers.Handled.Enqueue(Number(delivery));
            if (numbers.Handled.Count == 10)
            {
                numbers.Ten.TrySetResult();
            }

            return Task.CompletedTask;
        }
    }
}
