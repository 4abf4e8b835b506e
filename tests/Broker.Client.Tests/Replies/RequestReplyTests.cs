using System.Text;
using Broker.Actors.Tests.Runtime;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Replies;

/// <summary>Requests over direct reply-to, against a server that the test plays.</summary>
public sealed class RequestReplyTests
{
    private const string ReplyQueue = "amq.rabbitmq.reply-to";

    [Fact]
    public async Task Replies_find_their_requests_in_any_order()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var first = client.RequestAsync("x", "double", Body("1"));
        var replies = await broker.AcceptConsumerAsync(static subscribe =>
            Assert.Equal((ReplyQueue, SubscribeFlags.NoAck), (subscribe.Queue, subscribe.Flags)));
        var requests = await broker.AcceptPublisherAsync();
        var second = client.RequestAsync("x", "double", Body("2"));
        PeerFrame[] asked = [await requests.ReadAsync(), await requests.ReadAsync()];
        var (one, two) = asked[0].AsPublish().Body == "1" ? (asked[0], asked[1]) : (asked[1], asked[0]); // both waited for the streams
        Assert.Equal(("x", "double", "1", PublishFlags.Mandatory), (one.AsPublish().Exchange, one.AsPublish().RoutingKey, one.AsPublish().Body, one.AsPublish().Flags));
        var (about1, about2) = (one.AsPublishedProperties(), two.AsPublishedProperties());
        Assert.Equal((ReplyQueue, ReplyQueue), (about1.ReplyTo, about2.ReplyTo));
        Assert.Equal(TimeSpan.FromSeconds(30), about1.Expiration);
        Assert.NotEqual(about1.CorrelationId, about2.CorrelationId);
        await requests.ConfirmAsync(new SequenceRange(1, 2));
        await replies.DeliverAsync(1, "four", new MessageProperties { CorrelationId = about2.CorrelationId, ContentType = "text/plain" });
        await replies.DeliverAsync(2, "nobody's", new MessageProperties { CorrelationId = "unknown" });
        await replies.DeliverAsync(3, "nobody's");
        await replies.DeliverAsync(4, "two", new MessageProperties { CorrelationId = about1.CorrelationId });
        var reply = await Within.TimeAsync(second, "the reply to the second");
        Assert.Equal(("four", "text/plain"), (Text(reply), reply.Properties.ContentType));
        Assert.Equal("two", Text(await Within.TimeAsync(first, "the reply to the first")));
        Assert.True(broker.HasNoStream(StreamKind.Consume));
    }

    [Fact]
    public async Task A_reply_before_the_confirm_counts()
    {
        var (_, client, requests, replies) = await OpenAsync();
        var request = client.RequestAsync("", "double", Body("1"));
        await ReplyAsync(requests, replies, 1, "two");
        Assert.Equal("two", Text(await Within.TimeAsync(request, "the reply")));
    }

    [Fact]
    public async Task A_thousand_requests_are_under_way_at_once()
    {
        var (_, client, requests, replies) = await OpenAsync();
        var asked = Enumerable.Range(0, 1000).Select(i => client.RequestAsync("", "double", Body($"{i}"))).ToArray();
        var frames = new List<PeerFrame>();
        while (frames.Count < asked.Length)
        {
            frames.Add(await requests.ReadAsync());
        }

        var tag = 0ul;
        foreach (var frame in frames.AsEnumerable().Reverse())
        {
            await replies.DeliverAsync(
                ++tag, $"reply to {frame.AsPublish().Body}", new MessageProperties { CorrelationId = frame.AsPublishedProperties().CorrelationId });
        }

        var answers = await Within.TimeAsync(Task.WhenAll(asked), "all replies");
        Assert.Equal(Enumerable.Range(0, 1000).Select(static i => $"reply to {i}"), answers.Select(Text));
    }

    [Fact]
    public async Task A_request_without_a_reply_ends_in_time_and_its_late_reply_is_dropped()
    {
        var time = new ManualTimeProvider();
        var (_, client, requests, replies) = await OpenAsync(options => options with { TimeProvider = time });
        var request = client.RequestAsync("x", "double", Body("1"), TimeSpan.FromMilliseconds(50));
        var frame = await requests.ReadAsync();
        Assert.Equal(TimeSpan.FromMilliseconds(50), frame.AsPublishedProperties().Expiration);
        time.Advance(TimeSpan.FromMilliseconds(50));
        await Within.TimeAsync(request.ContinueWith(static _ => { }, TaskScheduler.Default), "the timeout");
        var late = await Assert.ThrowsAsync<TimeoutException>(() => request);
        Assert.Contains("no reply to the request to exchange 'x', routing key 'double', within 0.05 s", late.Message, StringComparison.Ordinal);
        await replies.DeliverAsync(1, "late", new MessageProperties { CorrelationId = frame.AsPublishedProperties().CorrelationId });
        var next = client.RequestAsync("", "double", Body("2"));
        await ReplyAsync(requests, replies, 2, "four");
        Assert.Equal("four", Text(await Within.TimeAsync(next, "the next reply")));
    }

    [Fact]
    public async Task A_cancelled_request_ends_and_others_go_on()
    {
        var (_, client, requests, replies) = await OpenAsync();
        using var cancel = new CancellationTokenSource();
        var cancelled = client.RequestAsync("", "double", Body("1"), cancellationToken: cancel.Token);
        await requests.ReadAsync();
        var next = client.RequestAsync("", "double", Body("2"));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));
        await ReplyAsync(requests, replies, 1, "four");
        Assert.Equal("four", Text(await Within.TimeAsync(next, "the reply")));
    }

    [Fact]
    public async Task A_request_that_no_queue_takes_fails_at_once()
    {
        var (_, client, requests, _) = await OpenAsync();
        var returned = client.RequestAsync("", "nobody", Body("1"));
        var rejected = client.RequestAsync("nowhere", "", Body("2"));
        await requests.ReadPublishesAsync(2);
        await requests.SendAsync(new ReturnFrame(2, ErrorCode.Unroutable, "no queue").Write, new RejectFrame(3, ErrorCode.NotFound, "no exchange 'nowhere'").Write);
        await Assert.ThrowsAsync<PublishReturnedException>(() => Within.TimeAsync(returned, "the return"));
        Assert.Equal(ErrorCode.NotFound, (await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(rejected, "the refusal"))).ErrorCode);
    }

    [Fact]
    public async Task A_lost_connection_fails_what_is_under_way_and_the_next_request_takes_the_next_connection()
    {
        var (broker, client, requests, _) = await OpenAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var underWay = client.RequestAsync("", "double", Body("1"));
        await requests.ReadAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        var lost = await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(underWay, "the loss"));
        Assert.Contains("whether the request was carried out is unknown", lost.Message, StringComparison.Ordinal);
        Assert.Equal((ErrorCode.ShuttingDown, true), (lost.ErrorCode, lost.IsRetryable));

        var next = client.RequestAsync("", "double", Body("2"));
        await broker.AcceptAsync();
        var replies = await broker.AcceptConsumerAsync();
        requests = await broker.AcceptPublisherAsync();
        await ReplyAsync(requests, replies, 1, "four");
        Assert.Equal("four", Text(await Within.TimeAsync(next, "the reply on the new connection")));
    }

    [Fact]
    public async Task A_node_that_goes_away_still_gets_its_replies_through()
    {
        var (broker, client, requests, replies) = await OpenAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var old = client.RequestAsync("", "double", Body("1"));
        var asked = await requests.ReadAsync();
        await broker.Control.SendAsync(new GoAwayFrame(ErrorCode.ShuttingDown, "drain").Write);
        await broker.AcceptAsync();
        var fresh = client.RequestAsync("", "double", Body("2"));
        var newReplies = await broker.AcceptConsumerAsync();
        var newRequests = await broker.AcceptPublisherAsync();
        await ReplyAsync(newRequests, newReplies, 1, "four");
        Assert.Equal("four", Text(await Within.TimeAsync(fresh, "the reply on the new connection")));
        Assert.False(old.IsCompleted);
        await replies.DeliverAsync(1, "two", new MessageProperties { CorrelationId = asked.AsPublishedProperties().CorrelationId });
        Assert.Equal("two", Text(await Within.TimeAsync(old, "the reply on the old connection")));
        Assert.Null(await requests.TryReadAsync()); // nothing is under way there any more
    }

    [Theory]
    [InlineData(StreamKind.Consume)]
    [InlineData(StreamKind.Publish)]
    public async Task A_server_that_refuses_direct_replies_says_why(StreamKind refused)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var request = client.RequestAsync("", "double", Body("1"));
        if (refused == StreamKind.Publish)
        {
            await broker.AcceptConsumerAsync();
        }

        await (await broker.AcceptAsync(refused)).FailAsync(ErrorCode.AccessRefused, "not for you");
        var refusal = await Assert.ThrowsAnyAsync<BrokerStreamException>(() => Within.TimeAsync(request, "the refusal"));
        Assert.Equal(ErrorCode.AccessRefused, refusal.ErrorCode);
    }

    [Fact]
    public async Task A_fault_of_the_requests_stream_fails_what_is_under_way_and_the_next_request_takes_its_place()
    {
        var (broker, client, requests, replies) = await OpenAsync();
        await using var disposal = broker;
        var underWay = client.RequestAsync("", "double", Body("1"));
        await requests.ReadAsync();
        await requests.FailAsync(ErrorCode.InternalError, "sorry");
        var fault = await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(underWay, "the fault"));
        Assert.Equal((ErrorCode.InternalError, "sorry"), (fault.ErrorCode, fault.Reason));

        var next = client.RequestAsync("", "double", Body("2"));
        Assert.Null(await replies.TryReadAsync()); // a connection has one stream of replies at a time
        Assert.True(broker.HasNoStream(StreamKind.Consume));
        await replies.EndAsync();
        await (await broker.AcceptAsync(StreamKind.Consume)).FailAsync(ErrorCode.ResourceLocked, "another stream of this connection has it");
        replies = await broker.AcceptConsumerAsync();
        requests = await broker.AcceptPublisherAsync();
        await ReplyAsync(requests, replies, 1, "four");
        Assert.Equal("four", Text(await Within.TimeAsync(next, "the reply")));
    }

    [Fact]
    public async Task Disposing_the_client_fails_what_is_under_way()
    {
        var (_, client, requests, replies) = await OpenAsync();
        var request = client.RequestAsync("", "double", Body("1"));
        await requests.ReadAsync();
        var disposing = client.DisposeAsync().AsTask();
        await Assert.ThrowsAsync<BrokerStreamException>(() => Within.TimeAsync(request, "the end"));
        await requests.ConfirmAsync(new SequenceRange(2, 2));
        Assert.Null(await requests.TryReadAsync());
        await requests.EndAsync();
        Assert.Null(await replies.TryReadAsync());
        await replies.EndAsync();
        await Within.TimeAsync(disposing, "the client's end");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.RequestAsync("", "double", Body("2")));
    }

    [Fact]
    public async Task What_cannot_be_a_request_is_refused_before_anything_is_sent()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => client.RequestAsync("", "q", Body("1"), TimeSpan.Zero));
        var replyTo = new PublishOptions { Properties = new MessageProperties { ReplyTo = "mine" } };
        await Assert.ThrowsAsync<ArgumentException>(() => client.RequestAsync("", "q", Body("1"), options: replyTo));
        var correlation = new PublishOptions { Properties = new MessageProperties { CorrelationId = "mine" } };
        await Assert.ThrowsAsync<ArgumentException>(() => client.RequestAsync("", "q", Body("1"), options: correlation));
        Assert.True(broker.HasNoStream(StreamKind.Consume));
    }

    private static byte[] Body(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(Delivery delivery) => Encoding.UTF8.GetString(delivery.Body.Span);

    /// <summary>Replies to the next request.</summary>
    private static async Task ReplyAsync(PeerStream requests, PeerStream replies, ulong tag, string body)
    {
        var request = await requests.ReadAsync();
        await replies.DeliverAsync(tag, body, new MessageProperties { CorrelationId = request.AsPublishedProperties().CorrelationId });
        var sequence = request.AsPublish().Sequence;
        await requests.ConfirmAsync(new SequenceRange(sequence, sequence));
    }

    /// <summary>A client whose streams for requests are open.</summary>
    private static async Task<(ScriptedBroker Broker, BrokerClient Client, PeerStream Requests, PeerStream Replies)> OpenAsync(
        Func<BrokerClientOptions, BrokerClientOptions>? configure = null)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(configure);
        using var cancel = new CancellationTokenSource();
        var opening = client.RequestAsync("", "warm", default, cancellationToken: cancel.Token);
        var replies = await broker.AcceptConsumerAsync();
        var requests = await broker.AcceptPublisherAsync();
        await requests.ReadAsync();
        await requests.ConfirmAsync(new SequenceRange(1, 1));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(opening, "the cancellation"));
        return (broker, client, requests, replies);
    }
}
