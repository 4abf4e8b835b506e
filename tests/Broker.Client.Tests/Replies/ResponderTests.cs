using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Replies;

/// <summary>What a responder publishes for a request, and how it settles it.</summary>
public sealed class ResponderTests
{
    private const string Address = "amq.rabbitmq.reply-to.7f3a";

    [Fact]
    public async Task A_reply_goes_to_the_requests_address_and_the_request_is_acknowledged_after_it()
    {
        var (broker, requests) = await OpenAsync(static (request, _) => Task.FromResult(
            new ReplyMessage(Encoding.UTF8.GetBytes($"re: {Text(request)}"), new MessageProperties { ContentType = "text/plain" })));
        await using var disposal = broker;
        await requests.DeliverAsync(1, "hello", new MessageProperties { ReplyTo = Address, CorrelationId = "17" });
        var replies = await broker.AcceptPublisherAsync();
        var reply = await replies.ReadAsync();
        Assert.Equal(("", Address, "re: hello", PublishFlags.None), (reply.AsPublish().Exchange, reply.AsPublish().RoutingKey, reply.AsPublish().Body, reply.AsPublish().Flags));
        Assert.Equal(new MessageProperties { CorrelationId = "17", ContentType = "text/plain" }, reply.AsPublishedProperties());
        Assert.True(requests.HasNoMore());
        await replies.ConfirmAsync(new SequenceRange(1, 1));
        Assert.Equal("Ack 1-1", (await requests.ReadAsync()).AsSettle());
    }

    [Theory]
    [InlineData(false, "the responder failed: InvalidOperationException")]
    [InlineData(true, "no such customer")]
    public async Task A_handler_that_throws_is_a_reply_that_says_so(bool says, string text)
    {
        Exception? reported = null;
        var (broker, requests) = await OpenAsync(
            (_, _) => throw (says ? new ReplyErrorException("no such customer") : new InvalidOperationException("a secret")),
            new HandlerOptions
            {
                Consumer = new ConsumerOptions { SettleDelay = TimeSpan.Zero },
                OnException = (_, exception) =>
                {
                    reported = exception;
                    return FailureOutcome.Reject;
                },
            });
        await using var disposal = broker;
        await requests.DeliverAsync(1, "hello", new MessageProperties { ReplyTo = Address, CorrelationId = "17" });
        var replies = await broker.AcceptPublisherAsync();
        var properties = (await replies.ReadAsync()).AsPublishedProperties();
        Assert.Equal(("17", FieldTable.Of(("x-reply-error", text))), (properties.CorrelationId, properties.Headers));
        await replies.ConfirmAsync(new SequenceRange(1, 1));
        Assert.Equal("Ack 1-1", (await requests.ReadAsync()).AsSettle());
        Assert.NotNull(reported);
    }

    [Fact]
    public async Task A_reply_that_says_why_there_is_none_is_an_exception_of_the_request()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var request = client.RequestAsync("", "double", default);
        var replies = await broker.AcceptConsumerAsync();
        var requests = await broker.AcceptPublisherAsync();
        var id = (await requests.ReadAsync()).AsPublishedProperties().CorrelationId;
        await replies.DeliverAsync(1, "", new MessageProperties { CorrelationId = id, Headers = FieldTable.Of(("x-reply-error", "no such customer")) });
        Assert.Equal("no such customer", (await Assert.ThrowsAsync<ReplyErrorException>(() => Within.TimeAsync(request, "the reply"))).Message);
    }

    [Theory]
    [InlineData(ErrorCode.NotFound, "Ack 1-1")]
    [InlineData(ErrorCode.ResourceExhausted, "Requeue 1-1")]
    public async Task A_reply_that_nobody_takes_is_dropped_and_one_that_could_not_be_sent_is_made_again(ErrorCode code, string settled)
    {
        var (broker, requests) = await OpenAsync(static (_, _) => Task.FromResult<ReplyMessage>("re"u8.ToArray()));
        await using var disposal = broker;
        await requests.DeliverAsync(1, "hello", new MessageProperties { ReplyTo = Address, CorrelationId = "17" });
        var replies = await broker.AcceptPublisherAsync();
        await replies.ReadAsync();
        await replies.SendAsync(new RejectFrame(1, code, "no").Write);
        Assert.Equal(settled, (await requests.ReadAsync()).AsSettle());
    }

    [Fact]
    public async Task A_message_that_is_no_request_is_rejected()
    {
        var calls = 0;
        var (broker, requests) = await OpenAsync((_, _) =>
        {
            calls++;
            return Task.FromResult<ReplyMessage>("re"u8.ToArray());
        });
        await using var disposal = broker;
        await requests.DeliverAsync(1, "hello");
        Assert.Equal("Reject 1-1", (await requests.ReadAsync()).AsSettle());
        Assert.Equal(0, calls);
        Assert.True(broker.HasNoStream(StreamKind.Publish));
    }

    private static string Text(Delivery delivery) => Encoding.UTF8.GetString(delivery.Body.Span);

    private static async Task<(ScriptedBroker Broker, PeerStream Requests)> OpenAsync(
        Func<Delivery, CancellationToken, Task<ReplyMessage>> handler, HandlerOptions? options = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        var responding = client.RespondAsync("double", handler, options ?? new HandlerOptions { Consumer = new ConsumerOptions { SettleDelay = TimeSpan.Zero } });
        var requests = await broker.AcceptConsumerAsync();
        await Within.TimeAsync(responding, "the subscription");
        return (broker, requests);
    }
}
