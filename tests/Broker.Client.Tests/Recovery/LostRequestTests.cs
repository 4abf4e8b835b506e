using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>What becomes of requests that were under way when the connection was lost, where docs/client.md says more than that they are repeated.</summary>
public sealed class LostRequestTests
{
    [Fact]
    public async Task A_declaration_without_a_name_fails_and_a_deletion_is_repeated_without_its_count()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var nameless = client.DeclareQueueAsync("");
        var deletion = client.DeleteQueueAsync("orders");
        var requests = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal([FrameType.DeclareQueue, FrameType.DeleteQueue], [(await requests.ReadAsync()).Type, (await requests.ReadAsync()).Type]);
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(nameless, "the declaration to fail"));
        await broker.AcceptAsync();
        requests = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal("orders", (await requests.ReadAsync<DeleteQueueFrame>(FrameType.DeleteQueue, DeleteQueueFrame.TryRead)).Name);
        await requests.SendAsync(new CountOkFrame(1, 0).Write);
        Assert.Equal(0, await Within.TimeAsync(deletion, "the deletion"));
    }

    [Fact]
    public async Task Echoes_and_commands_fail_and_the_next_ones_take_the_next_connection()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var ping = client.PingAsync();
        var echo = client.EchoAsync("hello"u8.ToArray());
        var rows = client.AdminAsync("queue list").GetAsyncEnumerator();
        var row = rows.MoveNextAsync().AsTask();
        await broker.AcceptAsync(StreamKind.Echo);
        await broker.AcceptAsync(StreamKind.Echo);
        await broker.AcceptAsync(StreamKind.Admin);
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        foreach (var task in (Task[])[ping, echo, row])
        {
            await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(task, "the loss"));
        }

        var again = client.EchoAsync("hello"u8.ToArray());
        await broker.AcceptAsync();
        var stream = await broker.AcceptAsync(StreamKind.Echo);
        await stream.Quic.Output.WriteAsync("hello"u8.ToArray());
        await stream.EndAsync();
        Assert.Equal("hello", Encoding.UTF8.GetString(await Within.TimeAsync(again, "the echo")));
    }

    [Fact]
    public async Task Publishing_without_a_connection_goes_on_until_the_window_is_full()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var opening = client.CreatePublisherAsync(new PublisherOptions { MaxInFlightMessages = 3 });
        await broker.AcceptPublisherAsync();
        var publisher = await Within.TimeAsync(opening, "the publisher");
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        for (var i = 0; i < 3; i++)
        {
            await Within.TimeAsync(publisher.PublishAsync("", "orders", default).AsTask(), "room");
        }

        using var cancel = new CancellationTokenSource();
        var cancelled = publisher.PublishAsync("", "orders", default, cancellationToken: cancel.Token).AsTask();
        var fourth = publisher.PublishAsync("", "orders", default).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));
        Assert.False(fourth.IsCompleted);
        await broker.AcceptAsync();
        var stream = await broker.AcceptPublisherAsync();
        Assert.Equal([1ul, 2ul, 3ul], await stream.ReadPublishesAsync(3));
        await stream.ConfirmAsync(new SequenceRange(1, 3));
        Assert.Equal(4ul, (await Within.TimeAsync(fourth, "room")).Sequence);
    }

    [Fact]
    public async Task A_refusal_that_no_other_node_would_lift_ends_the_first_search_at_once()
    {
        var transport = new InMemoryTransport();
        await using var first = await ScriptedBroker.StartAsync(transport);
        await using var second = await ScriptedBroker.StartAsync(transport);
        var connecting = BrokerClient.ConnectAsync(first.RecoveringOptions with
        {
            Endpoints = [first.Options.Endpoints[0], second.Options.Endpoints[0]], KeepEndpointOrder = true,
        });
        await first.AcceptHelloAsync();
        await first.Connection.CloseAsync((long)ErrorCode.NotFound, "no vhost 'shop'");
        var refusal = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(connecting, "the refusal"));
        Assert.Equal((ErrorCode.NotFound, false), (refusal.ErrorCode, refusal.IsRetryable));
    }
}
