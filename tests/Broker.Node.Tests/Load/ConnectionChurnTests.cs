using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Load;

/// <summary>Clients that come, work and go.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ConnectionChurnTests(ITestOutputHelper output)
{
    private const int Connections = 200;
    private const int AtOnce = 8;

    // As in HostilePeerTests: what a quiet node's memory goes up and down by on its own.
    private const long NoiseBytes = 12 << 20;

    [Fact]
    public async Task Clients_that_come_and_go_leave_nothing_behind()
    {
        await using var node = await NodeProcess.StartAsync(new NodeSettings { Environment = [NodeSettings.CollectEarly] });
        await using var admin = await node.ConnectAsync("admin");
        for (var lane = 0; lane < AtOnce; lane++)
        {
            await admin.DeclareQueueAsync($"churn-{lane}");
        }

        var calm = await NodeState.ReadAsync(admin);
        await ChurnAsync(node); // fills pools and compiles code
        await calm.ReturnsAsync(admin);
        var before = node.ResidentBytes;

        await ChurnAsync(node);
        var after = await calm.ReturnsAsync(admin);
        var resident = await Wait.Until(
            () => Task.FromResult(node.ResidentBytes), bytes => bytes <= (before / 10 * 11) + NoiseBytes, $"the node's memory is back to {before >> 10} KiB + 10 % + noise");

        Assert.Equal((calm.HandshakesFailed, 0L), (after.HandshakesFailed, after.MessageBytes));
        output.WriteLine($"2 x {Connections} connections; resident MiB before {before >> 20}, after {resident >> 20}; {calm} -> {after}");
    }

    private static Task ChurnAsync(NodeProcess node) => Task.WhenAll(Enumerable.Range(0, AtOnce).Select(lane => Task.Run(async () =>
    {
        for (var number = lane; number < Connections; number += AtOnce)
        {
            await ComeAndGoAsync(node, $"churn-{lane}", number);
        }
    })));

    private static async Task ComeAndGoAsync(NodeProcess node, string queue, int number)
    {
        await using var client = await node.ConnectAsync();
        await Wait.For(client.PublishAsync("", queue, BitConverter.GetBytes(number)), "the confirm of a short-lived client");
        await using var consumer = await client.SubscribeAsync(queue);
        await using var deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        Assert.True(await Wait.For(deliveries.MoveNextAsync(), "the message of a short-lived client"));
        Assert.Equal(number, BitConverter.ToInt32(deliveries.Current.Body.Span));
        await deliveries.Current.AckAsync();
    }
}
