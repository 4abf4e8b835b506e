using System.Buffers;
using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Requests;

public sealed class RequestTests
{
    [Fact]
    public async Task Requests_go_out_together_and_get_their_own_answers()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var exchange = client.DeclareExchangeAsync("shop", "direct");
        var queue = client.DeclareQueueAsync("orders", new QueueOptions { AutoDelete = true, Durable = false });
        var bind = client.BindAsync("shop", "orders", "order.created");
        var unbind = client.UnbindAsync("shop", "orders", "order.created");
        var purge = client.PurgeQueueAsync("orders");
        var delete = client.DeleteQueueAsync("orders", ifUnused: true);
        var deleteExchange = client.DeleteExchangeAsync("shop");

        var stream = await broker.AcceptAsync(StreamKind.Request);
        var declared = await stream.ReadAsync<DeclareExchangeFrame>(FrameType.DeclareExchange, DeclareExchangeFrame.TryRead);
        Assert.Equal(("shop", "direct", DeclareExchangeFlags.Durable), (declared.Name, declared.Type, declared.Flags));
        Assert.Equal(DeclareQueueFlags.AutoDelete, (await stream.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead)).Flags);
        var bound = await stream.ReadAsync<BindFrame>(FrameType.Bind, BindFrame.TryRead);
        Assert.Equal(("shop", "orders", "order.created"), (bound.Exchange, bound.Destination, bound.RoutingKey));
        Assert.Equal("orders", (await stream.ReadAsync<UnbindFrame>(FrameType.Unbind, UnbindFrame.TryRead)).Destination);
        Assert.Equal("orders", (await stream.ReadAsync<PurgeQueueFrame>(FrameType.PurgeQueue, PurgeQueueFrame.TryRead)).Name);
        Assert.Equal(DeleteQueueFlags.IfUnused, (await stream.ReadAsync<DeleteQueueFrame>(FrameType.DeleteQueue, DeleteQueueFrame.TryRead)).Flags);
        Assert.Equal("shop", (await stream.ReadAsync<DeleteExchangeFrame>(FrameType.DeleteExchange, DeleteExchangeFrame.TryRead)).Name);

        await stream.SendAsync(
            new OkFrame(1).Write,
            new QueueOkFrame(2, "orders", 5, 2).Write,
            new OkFrame(3).Write,
            new OkFrame(4).Write,
            new CountOkFrame(5, 17).Write,
            new RequestErrorFrame(6, ErrorCode.PreconditionFailed, "in use").Write,
            new OkFrame(7).Write);
        await Within.TimeAsync(Task.WhenAll(exchange, bind, unbind, deleteExchange), "the answers");
        Assert.Equal(new QueueInfo("orders", 5, 2), await Within.TimeAsync(queue, "the queue"));
        Assert.Equal(17, await Within.TimeAsync(purge, "the count"));
        var refused = await Assert.ThrowsAsync<BrokerRequestException>(() => Within.TimeAsync(delete, "the refusal"));
        Assert.Equal((ErrorCode.PreconditionFailed, "in use", "delete queue 'orders'"), (refused.ErrorCode, refused.Reason, refused.Operation));
    }

    [Fact]
    public async Task A_cancelled_request_does_not_upset_the_next()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var first = client.PurgeQueueAsync("a", cancel.Token);
        var second = client.PurgeQueueAsync("b");
        var stream = await broker.AcceptAsync(StreamKind.Request);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(first, "the cancellation"));
        await stream.SendAsync(new CountOkFrame(1, 1).Write, new CountOkFrame(2, 2).Write);
        Assert.Equal(2, await Within.TimeAsync(second, "the answer"));
    }

    [Fact]
    public async Task A_got_message_is_settled_on_its_stream()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var get = client.GetAsync("orders");
        var empty = client.GetAsync("orders");
        var stream = await broker.AcceptAsync(StreamKind.Request);
        await stream.ReadAsync();
        await stream.ReadAsync();
        await stream.SendAsync(GetOk(1, 1, "hello"), new GetEmptyFrame(2).Write);
        var delivery = (await Within.TimeAsync(get, "the message"))!.Value;
        Assert.Equal("hello", Encoding.UTF8.GetString(delivery.Body.Span));
        Assert.Null(await Within.TimeAsync(empty, "the answer"));
        await delivery.RejectAsync();
        Assert.Equal("Reject 1-1", (await stream.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task A_message_that_comes_too_late_for_its_caller_goes_back()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        using var cancel = new CancellationTokenSource();
        var get = client.GetAsync("orders", cancellationToken: cancel.Token);
        var stream = await broker.AcceptAsync(StreamKind.Request);
        await stream.ReadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(get, "the cancellation"));
        await stream.SendAsync(GetOk(1, 1, "late"));
        Assert.Equal("Requeue 1-1", (await stream.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task A_fault_of_the_stream_fails_what_waits_and_the_next_request_opens_another()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var first = client.PurgeQueueAsync("a");
        var stream = await broker.AcceptAsync(StreamKind.Request);
        await stream.FailAsync(ErrorCode.InternalError, "sorry");
        Assert.Equal(ErrorCode.InternalError, (await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(first, "the fault"))).ErrorCode);
        var second = client.PurgeQueueAsync("a");
        var other = await broker.AcceptAsync(StreamKind.Request);
        await other.SendAsync(new CountOkFrame(1, 3).Write);
        Assert.Equal(3, await Within.TimeAsync(second, "the answer"));
    }

    [Fact]
    public async Task A_name_that_is_too_long_fails_alone()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await Assert.ThrowsAsync<ArgumentException>(() => client.PurgeQueueAsync(new string('q', 256)));
        var purge = client.PurgeQueueAsync("a");
        var stream = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal(1ul, (await stream.ReadAsync<PurgeQueueFrame>(FrameType.PurgeQueue, PurgeQueueFrame.TryRead)).RequestId);
        await stream.SendAsync(new CountOkFrame(1, 0).Write);
        await Within.TimeAsync(purge, "the answer");
    }

    [Fact]
    public async Task More_requests_than_places_are_all_answered()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var requests = Enumerable.Range(0, 1000).Select(_ => client.PurgeQueueAsync("a")).ToArray();
        var stream = await broker.AcceptAsync(StreamKind.Request);
        for (var i = 0; i < requests.Length; i++)
        {
            var request = await stream.ReadAsync<PurgeQueueFrame>(FrameType.PurgeQueue, PurgeQueueFrame.TryRead);
            await stream.SendAsync(new CountOkFrame(request.RequestId, 1).Write);
        }

        Assert.Equal(1000, (await Within.TimeAsync(Task.WhenAll(requests), "the answers")).Sum());
    }

    [Theory]
    [InlineData("4042020205", "an answer to another request")]
    [InlineData("40400101", "the wrong kind of answer")]
    [InlineData("4042020105404202010500", "an answer that nobody asked for")]
    [InlineData("404201", "an answer cut short")]
    public async Task An_answer_that_cannot_be_closes_the_connection(string hex, string why)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var purge = client.PurgeQueueAsync("a");
        var stream = await broker.AcceptAsync(StreamKind.Request);
        await stream.ReadAsync();
        await stream.Quic.Output.WriteAsync(Convert.FromHexString(hex));
        await stream.EndAsync();
        Assert.True((await broker.ClosedByClientAsync()).Code == ErrorCode.ProtocolViolation, why);
        await purge.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    private static Action<IBufferWriter<byte>> GetOk(ulong id, ulong tag, string body) =>
        writer => GetOkFrame.Write(writer, id, tag, DeliverFlags.None, 0, 0, PeerStream.Message(Encoding.UTF8.GetBytes(body)));
}
