using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Connections;

/// <summary>Whatever a server sends, each operation ends with a <see cref="BrokerException"/>, and nothing hangs.</summary>
public sealed class HostileServerTests
{
    [Theory]
    [InlineData(StreamKind.Publish)]
    [InlineData(StreamKind.Consume)]
    [InlineData(StreamKind.Request)]
    [InlineData(StreamKind.Admin)]
    public async Task Random_bytes_end_every_operation(StreamKind kind)
    {
        for (var seed = 1; seed <= 100; seed++)
        {
            var random = new Random(seed);
            var bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            var (broker, client) = await ScriptedBroker.ConnectAsync();
            await using var disposal = broker;
            var operation = StartAsync(client, kind);
            var stream = await broker.AcceptAsync(kind);
            try
            {
                await stream.Quic.Output.WriteAsync(bytes);
                await stream.EndAsync();
            }
            catch (IOException)
            {
                // The client has closed the connection already.
            }

            var failure = await Record.ExceptionAsync(() => Within.TimeAsync(operation, $"the end, {kind}, seed {seed}, {Convert.ToHexStringLower(bytes)}"));
            Assert.True(failure is BrokerException, $"{failure}, {kind}, seed {seed}, {Convert.ToHexStringLower(bytes)}");
        }
    }

    private static async Task StartAsync(BrokerClient client, StreamKind kind)
    {
        switch (kind)
        {
            case StreamKind.Publish:
                await client.PublishAsync("", "orders", default);
                break;
            case StreamKind.Consume:
                await foreach (var delivery in client.ConsumeAsync("orders"))
                {
                    await delivery.AckAsync();
                }

                break;
            case StreamKind.Request:
                await client.GetAsync("orders");
                break;
            default:
                await foreach (var row in client.AdminAsync("queue list"))
                {
                    Assert.NotEqual(default, row);
                }

                break;
        }
    }
}
