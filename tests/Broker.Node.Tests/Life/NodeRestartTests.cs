using System.Diagnostics;
using System.Text;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Node.Tests.Life;

/// <summary>What a node leaves to its clients and to its next life.</summary>
[Collection(ProcessCollection.Name)]
public sealed class NodeRestartTests
{
    [Fact]
    public async Task A_client_of_a_killed_and_restarted_node_notices_with_its_next_packet()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using var first = await NodeProcess.StartAsync(settings);
        await using var transport = new Transport.Ngtcp2.Ngtcp2Transport();
        await using var connection = await transport.ConnectAsync(first.QuicOptions());
        var stream = await connection.OpenStreamAsync();
        StreamHeader.Write(stream.Output, StreamKind.Control);
        new HelloFrame { ClientName = "survivor" }.Write(stream.Output);
        await stream.Output.FlushAsync();
        await Wait.For(stream.Input.ReadAsync(), "WELCOME");

        await first.KillAsync();
        await using var second = await NodeProcess.StartAsync(settings with { Port = first.Address.Port });
        try
        {
            var another = await connection.OpenStreamAsync();
            await another.Output.WriteAsync(new[] { (byte)StreamKind.Echo });
        }
        catch (QuicTransportException)
        {
            // A late acknowledgement was the next packet.
        }

        var end = await Wait.For(connection.Closed, "the client to notice that its node is another one");

        Assert.Equal(QuicError.ConnectionReset, end.Error); // and not idle
        await using var client = await second.ConnectAsync();
        await client.PingAsync();
    }

    [Fact]
    public async Task Clients_of_a_node_that_is_told_to_stop_hear_that_it_is_shutting_down()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var client = await node.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var consumer = await client.SubscribeAsync("orders");
        await using var deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        var waiting = deliveries.MoveNextAsync().AsTask();

        var start = Stopwatch.GetTimestamp();
        await node.StopAsync();
        var taken = Stopwatch.GetElapsedTime(start);

        var end = await Wait.For(client.Closed, "the client to hear of it");
        Assert.NotNull(end);
        Assert.Equal(ErrorCode.ShuttingDown, end.ErrorCode);
        Assert.True(end.IsRetryable, "another node may serve");
        var failure = await Assert.ThrowsAsync<BrokerConnectionException>(() => waiting);
        Assert.Equal(ErrorCode.ShuttingDown, failure.ErrorCode);
        Assert.True(taken < TimeSpan.FromSeconds(10), $"an idle node took {taken.TotalSeconds:0.0} s to stop");
    }

    [Fact]
    public async Task What_is_durable_outlives_an_orderly_restart_and_what_is_transient_ends_with_it()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using (var first = await NodeProcess.StartAsync(settings))
        {
            await using var client = await first.ConnectAsync();
            await client.DeclareExchangeAsync("news", "direct");
            await client.DeclareExchangeAsync("talk", "direct", new ExchangeOptions { Durable = false });
            await client.DeclareQueueAsync("kept");
            await client.DeclareQueueAsync("gone", new QueueOptions { Durable = false });
            await client.BindAsync("news", "kept", "all");
            await client.BindAsync("news", "gone", "all");
            await client.PublishAsync("news", "all", "durable"u8.ToArray());
            await client.PublishAsync("news", "all", "transient"u8.ToArray(), new PublishOptions { Durable = false });
            Assert.Equal("durable", await TakeAsync(client, "gone"));
        }

        await using var second = await NodeProcess.StartAsync(settings);
        await using var later = await second.ConnectAsync();
        await later.PublishAsync("news", "all", "late"u8.ToArray(), new PublishOptions { Mandatory = true });

        foreach (var expected in new[] { "durable", "transient", "late", null })
        {
            Assert.Equal(expected, await TakeAsync(later, "kept"));
        }

        var queue = await Assert.ThrowsAsync<BrokerRequestException>(() => later.DeclareQueueAsync("gone", new QueueOptions { Passive = true }));
        Assert.Equal(ErrorCode.NotFound, queue.ErrorCode);
        var exchange = await Assert.ThrowsAsync<PublishRejectedException>(() => later.PublishAsync("talk", "", "anybody?"u8.ToArray()));
        Assert.Equal(ErrorCode.NotFound, exchange.ErrorCode);
    }

    [Fact]
    public async Task A_second_start_uses_the_certificates_and_the_key_of_the_first()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using (var first = await NodeProcess.StartAsync(settings))
        {
            await first.ExpectLogAsync("Made development certificates in");
        }

        var before = Files(folder["data"]);
        await using var second = await NodeProcess.StartAsync(settings);

        Assert.DoesNotContain("Made development certificates", second.Log, StringComparison.Ordinal);
        Assert.Equal(["admin.key", "admin.pem", "ca.key", "ca.pem", "client.key", "client.pem", "server.key", "server.pem", "stateless-reset.key"], before.Keys.Order());
        Assert.Equal(before, Files(folder["data"]));
    }

    private static async Task<string?> TakeAsync(BrokerClient client, string queue)
    {
        if (await Wait.For(client.GetAsync(queue), $"a message of {queue}") is not { } delivery)
        {
            return null;
        }

        await delivery.AckAsync();
        return Encoding.UTF8.GetString(delivery.Body.Span);
    }

    private static Dictionary<string, string> Files(string data) => Directory
        .EnumerateFiles(data, "*", SearchOption.AllDirectories)
        .Where(path => Path.GetExtension(path) is ".pem" or ".key")
        .ToDictionary(path => Path.GetFileName(path), path => Convert.ToHexString(File.ReadAllBytes(path)));
}
