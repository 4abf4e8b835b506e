using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes;

/// <summary>What is left when connections and nodes end.</summary>
public sealed class NodeLifeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Closed_connection_leaves_no_actor_behind(bool orderly)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        var before = await admin.HierarchyAsync();
        for (var round = 0; round < 20; round++)
        {
            var client = await broker.ConnectAsync();
            await client.OpenPublisherAsync();
            await client.SubscribeAsync("orders");
            await client.OpenRequestsAsync();
            await client.OpenAsync(StreamKind.Echo);
            await client.OpenAsync((StreamKind)33);
            var partial = await client.OpenAsync(StreamKind.Publish);
            await partial.SendHexAsync("12 80100000 00");
            if (orderly)
            {
                client.Control.Finish();
                Assert.Equal((long?)ErrorCode.NoError, (await client.ClosedAsync()).ErrorCode);
            }

            await client.DisposeAsync();
        }

        await WireAdmin.UntilAsync(
            async () => string.Join(", ", (await admin.HierarchyAsync()).Except(before)), left => left.Length == 0, "the actors of the connections to be gone");
        Assert.Single(await admin.RunAsync("connection list"));
        Assert.Equal(0, (int)(await admin.QueueAsync("orders"))!["consumers"]!);
    }

    [Fact]
    public async Task Ended_streams_are_listed_no_more()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        foreach (var stream in new[] { await client.OpenPublisherAsync(), await client.SubscribeAsync("orders"), await client.OpenRequestsAsync(), await client.OpenAsync(StreamKind.Echo) })
        {
            stream.Finish();
            await stream.ReadBytesAsync();
            await stream.DisposeAsync();
        }

        await WireAdmin.UntilAsync(
            () => admin.RunAsync("connection list"), list => list.All(c => (string)c["user"]! != "client" || (int)c["streams"]! == 1), "only the control stream to be listed");
    }

    [Fact]
    public async Task Node_that_stops_tells_its_clients()
    {
        var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        await client.DeclareQueueAsync("orders");
        var stream = await bbq.Quic.OpenStreamAsync();
        await stream.Output.WriteAsync(new byte[4]);
        await using (var admin = await broker.AdministerAsync())
        {
            await WireAdmin.UntilAsync(() => admin.RunAsync("connection list"), list => list.Count == 3, "all connections to be listed");
        }

        await broker.DisposeAsync();
        foreach (var connection in new[] { client, bbq })
        {
            var closed = await connection.ClosedAsync();
            Assert.Equal((QuicError.ConnectionAborted, (long?)ErrorCode.ShuttingDown), (closed.Error, closed.ErrorCode));
        }
    }
}
