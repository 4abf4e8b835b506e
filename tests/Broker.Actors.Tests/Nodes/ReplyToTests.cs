using Broker.Actors.Server;
using Broker.Machines.Direct;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>Answers that go straight to whoever has asked (docs/protocol.md, section 8.5).</summary>
public sealed class ReplyToTests
{
    private static readonly MessageProperties s_asking = new() { ReplyTo = DirectNames.ReplyTo, CorrelationId = "c-1" };

    [Fact]
    public async Task An_answer_comes_to_the_connection_that_has_asked_and_to_no_other()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await using var other = await broker.ConnectAsync();
        await using var server = await broker.ConnectAsync();
        await server.DeclareQueueAsync("work");
        var answers = await client.SubscribeDirectAsync(DirectNames.ReplyTo);
        var others = await other.SubscribeDirectAsync(DirectNames.ReplyTo);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "question", s_asking);
        await publisher.ExpectConfirmsAsync(1);

        var request = await (await server.SubscribeAsync("work")).ExpectDeliveryAsync();
        var properties = request.PropertiesOf();
        Assert.StartsWith("amq.rabbitmq.reply-to.", properties.ReplyTo, StringComparison.Ordinal);
        Assert.Equal(("question", "c-1"), (request.Text, properties.CorrelationId));
        await using var responder = await server.OpenPublisherAsync();
        await responder.PublishAsync(1, "", properties.ReplyTo!, "answer", new MessageProperties { CorrelationId = "c-1" }, PublishFlags.Mandatory);
        Assert.Equal([1UL], await responder.ExpectConfirmsAsync(1));
        var answer = await answers.ExpectDeliveryAsync();
        Assert.Equal(("answer", "c-1", 1UL), (answer.Text, answer.PropertiesOf().CorrelationId, answer.Tag));

        await publisher.PublishAsync(2, "", "work", "to the other", s_asking);
        await using var asking = await other.OpenPublisherAsync();
        await asking.PublishAsync(1, "", "work", "from the other", s_asking);
        await asking.ExpectConfirmsAsync(1);
        others.Finish();
        await others.ExpectEndAsync(); // nothing has come to it
    }

    [Fact]
    public async Task Without_a_consumer_of_answers_the_question_is_refused()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("work");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "question", s_asking);
        var refused = await publisher.ExpectRejectAsync();
        Assert.Equal((1UL, ErrorCode.PreconditionFailed), (refused.Sequence, refused.Code));
        Assert.Contains("subscribe", refused.Reason, StringComparison.Ordinal);
        await publisher.PublishAsync(2, "", "work", "another reply-to", new MessageProperties { ReplyTo = "my-queue" });
        Assert.Equal([2UL], await publisher.ExpectConfirmsAsync(1));
    }

    [Theory]
    [InlineData(SubscribeFlags.None, ErrorCode.PreconditionFailed)]
    [InlineData(SubscribeFlags.NoAck, ErrorCode.ResourceLocked)] // a second one
    public async Task A_consumer_of_answers_takes_no_acknowledgements_and_is_one_a_connection(SubscribeFlags flags, ErrorCode expected)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var first = await client.SubscribeDirectAsync(DirectNames.ReplyTo);
        Assert.Equal(expected, (await client.ExpectRefusedAsync(DirectNames.ReplyTo, flags)).Code);
        await first.SendAsync(w => default(CancelFrame).Write(w));
        Assert.Equal(ErrorCode.NoError, (await first.ExpectCancelledAsync()).Code);
        await client.SubscribeDirectAsync(DirectNames.ReplyTo);
    }

    [Theory]
    [InlineData(PublishFlags.None)]
    [InlineData(PublishFlags.Mandatory)]
    public async Task An_answer_to_somebody_who_has_gone_is_dropped_or_returned(PublishFlags flags)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var server = await broker.ConnectAsync();
        await server.DeclareQueueAsync("work");
        await using (var client = await broker.ConnectAsync())
        {
            await client.SubscribeDirectAsync(DirectNames.ReplyTo);
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.PublishAsync(1, "", "work", "question", s_asking);
            await publisher.ExpectConfirmsAsync(1);
        }

        var replyTo = (await (await server.SubscribeAsync("work")).ExpectDeliveryAsync()).PropertiesOf().ReplyTo!;
        var services = (await broker.ServerAsync()).Node;
        await WireAdmin.UntilAsync(() => Task.FromResult(services.Inboxes.TryGet(replyTo, out _)), there => !there, "the inbox to be gone");
        await using var responder = await server.OpenPublisherAsync();
        await responder.PublishAsync(1, "", replyTo, "answer", flags);
        if (flags == PublishFlags.Mandatory)
        {
            Assert.Equal((1UL, ErrorCode.Unroutable), await ReturnedAsync(responder));
        }
        else
        {
            Assert.Equal([1UL], await responder.ExpectConfirmsAsync(1));
        }
    }

    [Fact]
    public async Task Whoever_does_not_read_its_answers_loses_those_beyond_its_inbox_and_holds_up_nobody()
    {
        await using var broker = await BrokerFixture.StartAsync(new BrokerLimits { InboxMessages = 3 });
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("work");
        var stream = await client.OpenAsync(StreamKind.Consume);
        await stream.SendAsync(w => new SubscribeFrame { Queue = DirectNames.ReplyTo, CreditMessages = 0, CreditBytes = 0, Flags = SubscribeFlags.NoAck }.Write(w));
        await stream.ExpectAsync(FrameType.Subscribed);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "question", s_asking);
        await publisher.ExpectConfirmsAsync(1);
        var replyTo = (await (await client.SubscribeAsync("work")).ExpectDeliveryAsync()).PropertiesOf().ReplyTo!;
        for (var i = 2UL; i <= 11; i++)
        {
            await publisher.PublishAsync(i, "", replyTo, $"{i}");
        }

        await publisher.ExpectConfirmsAsync(10);
        await stream.SendAsync(w => new CreditFrame(100, 1 << 20).Write(w));
        Assert.Equal(["2", "3", "4"], await stream.ExpectBodiesAsync(3));
        await publisher.PublishAsync(12, "", replyTo, "12");
        Assert.Equal(["12"], await stream.ExpectBodiesAsync(1));
    }

    [Fact]
    public async Task A_responder_may_ask_whether_somebody_still_waits()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var server = await broker.ConnectAsync();
        await server.DeclareQueueAsync("work");
        await using var client = await broker.ConnectAsync();
        var answers = await client.SubscribeDirectAsync(DirectNames.ReplyTo);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "work", "question", s_asking);
        var replyTo = (await (await server.SubscribeAsync("work")).ExpectDeliveryAsync()).PropertiesOf().ReplyTo!;
        await using var requests = await server.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = replyTo, Flags = DeclareQueueFlags.Passive }.Write(w));
        Assert.Equal(new QueueOkFrame(1, replyTo, 0, 1, ""), await requests.ExpectQueueOkAsync());
        await answers.SendAsync(w => default(CancelFrame).Write(w));
        await answers.ExpectCancelledAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 2, Name = replyTo, Flags = DeclareQueueFlags.Passive }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.NotFound);
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 3, Name = replyTo }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.AccessRefused);
    }

    [Theory]
    [InlineData("amq.rabbitmq.reply-to.")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef.guess")]
    [InlineData("amq.rabbitmq.reply-to.zzzz")]
    [InlineData("amq.rabbitmq.reply-to")]
    public async Task A_made_up_reply_to_leads_nowhere(string key)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        await client.SubscribeDirectAsync(DirectNames.ReplyTo);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", key, "lost", PublishFlags.Mandatory);
        Assert.Equal((1UL, ErrorCode.Unroutable), await ReturnedAsync(publisher));
    }

    private static async Task<(ulong Sequence, ErrorCode Code)> ReturnedAsync(WireStream publisher)
    {
        var returned = await publisher.ExpectReturnAsync();
        return (returned.Sequence, returned.Code);
    }
}
