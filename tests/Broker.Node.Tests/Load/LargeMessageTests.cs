using System.Security.Cryptography;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Protocol;

namespace Broker.Node.Tests.Load;

/// <summary>Messages up to the limit, many times larger than any window that they go through.</summary>
[Collection(ProcessCollection.Name)]
public sealed class LargeMessageTests
{
    private const string Queue = "large";
    private const int Messages = 4;

    // docs/protocol.md, section 5.1: the lengths of exchange, routing key and properties take a byte each.
    private const int Overhead = 3;

    [Fact]
    public async Task Messages_of_sixteen_mebibytes_go_in_and_come_out_unchanged()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var client = await node.ConnectAsync();
        await client.DeclareQueueAsync(Queue);
        Assert.Equal(16 << 20, client.MaxMessageBytes);
        var size = client.MaxMessageBytes - Overhead - Queue.Length;
        var bodies = Enumerable.Range(0, Messages).Select(_ => RandomNumberGenerator.GetBytes(size)).ToArray();

        var publishing = Task.WhenAll(bodies.Select(body => client.PublishAsync("", Queue, body)));
        await Wait.For(publishing, "the confirms of large messages", TimeSpan.FromMinutes(1));

        await using var consumer = await client.SubscribeAsync(Queue);
        await using var deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
        foreach (var body in bodies)
        {
            Assert.True(await Wait.For(deliveries.MoveNextAsync(), "a large message", TimeSpan.FromMinutes(1)));
            Assert.True(deliveries.Current.Body.Span.SequenceEqual(body), "a large message has changed on its way");
            await deliveries.Current.AckAsync();
        }
    }

    [Fact]
    public async Task A_message_of_one_byte_more_is_rejected_and_the_publisher_goes_on()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var client = await node.ConnectAsync();
        await client.DeclareQueueAsync(Queue);

        var tooLarge = new byte[client.MaxMessageBytes - Overhead - Queue.Length + 1];
        var failure = await Assert.ThrowsAsync<PublishRejectedException>(() => Wait.For(client.PublishAsync("", Queue, tooLarge), "the rejection"));

        Assert.Equal(ErrorCode.MessageTooLarge, failure.ErrorCode);
        await Wait.For(client.PublishAsync("", Queue, "small"u8.ToArray()), "the confirm of a small message");
    }
}
