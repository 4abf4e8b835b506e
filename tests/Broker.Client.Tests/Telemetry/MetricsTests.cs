using Broker.Client.Tests.Scripted;
using Broker.Protocol;

namespace Broker.Client.Tests.Telemetry;

/// <summary>What the meter reports.</summary>
[Collection(ListenerCollection.Name)]
public sealed class MetricsTests
{
    [Fact]
    public async Task Publishing_is_counted_and_timed_by_outcome()
    {
        using var watched = new Watched("metrics-published");
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var confirmed = client.PublishAsync("metrics-published", "k", default);
        var stream = await broker.AcceptPublisherAsync();
        var returned = client.PublishAsync("metrics-published", "k", default);
        var rejected = client.PublishAsync("metrics-published", "k", default);
        await stream.ReadPublishesAsync(3);
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await stream.SendAsync(new ReturnFrame(2, ErrorCode.Unroutable, "").Write, new RejectFrame(3, ErrorCode.NotFound, "").Write);
        await Within.TimeAsync(confirmed, "the confirm");
        await Assert.ThrowsAsync<PublishReturnedException>(() => Within.TimeAsync(returned, "the return"));
        await Assert.ThrowsAsync<PublishRejectedException>(() => Within.TimeAsync(rejected, "the refusal"));
        await watched.MeasuresAsync("messaging.client.sent.messages 1 messaging.operation.name=publish");
        await watched.MeasuresAsync("messaging.client.operation.duration s messaging.operation.name=publish");
        await watched.MeasuresAsync("messaging.client.operation.duration s messaging.operation.name=publish error.type=UNROUTABLE");
        await watched.MeasuresAsync("messaging.client.operation.duration s messaging.operation.name=publish error.type=NOT_FOUND");
    }

    [Fact]
    public async Task Outcomes_are_counted()
    {
        using var returns = new Watched("UNROUTABLE");
        using var rejects = new Watched("MESSAGE_TOO_LARGE");
        using var confirms = new Watched("broker");
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var opening = client.CreatePublisherAsync();
        var stream = await broker.AcceptPublisherAsync();
        var publisher = await Within.TimeAsync(opening, "the publisher");
        for (var i = 0; i < 45; i++)
        {
            await publisher.PublishAsync("x", "k", default);
        }

        await stream.ReadPublishesAsync(45);
        await stream.ConfirmAsync(new SequenceRange(1, 43));
        await stream.SendAsync(new ReturnFrame(44, ErrorCode.Unroutable, "").Write, new RejectFrame(45, ErrorCode.MessageTooLarge, "").Write);
        await returns.MeasuresAsync("broker.client.publisher.returned 1");
        await rejects.MeasuresAsync("broker.client.publisher.rejected 1");
        await confirms.MeasuresAsync("broker.client.publisher.confirmed 43");
    }

    [Fact]
    public async Task Messages_in_flight_are_those_without_an_outcome()
    {
        using var watched = new Watched("metrics-in-flight");
        var (broker, client) = await ScriptedBroker.ConnectAsync(static options => options with { ClientName = "metrics-in-flight" });
        await using var disposal = broker;
        var opening = client.CreatePublisherAsync();
        var stream = await broker.AcceptPublisherAsync();
        var publisher = await Within.TimeAsync(opening, "the publisher");
        for (var i = 0; i < 5; i++)
        {
            await publisher.PublishAsync("x", "k", default);
        }

        await watched.ObservesAsync("broker.client.publisher.in_flight 5");
        await stream.ReadPublishesAsync(5);
        await stream.ConfirmAsync(new SequenceRange(1, 1), new SequenceRange(3, 4));
        await watched.ObservesAsync("broker.client.publisher.in_flight 2");
        await stream.ConfirmAsync(new SequenceRange(2, 2), new SequenceRange(5, 5));
        await watched.ObservesAsync("broker.client.publisher.in_flight 0");
    }

    [Fact]
    public async Task Deliveries_settlements_and_handlers_are_counted_and_timed()
    {
        using var watched = new Watched("metrics-consumed");
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var consuming = client.ConsumeAsync(
            "metrics-consumed",
            static (message, _) => message.Tag == 2 ? throw new InvalidOperationException("no") : Task.CompletedTask,
            new HandlerOptions { Consumer = new ConsumerOptions { SettleDelay = TimeSpan.Zero } });
        var stream = await broker.AcceptConsumerAsync();
        await Within.TimeAsync(consuming, "the subscription");
        await stream.DeliverAsync(1, "a");
        await watched.MeasuresAsync("messaging.client.consumed.messages 1 messaging.operation.name=receive");
        await watched.MeasuresAsync("broker.client.consumer.settled 1 messaging.operation.name=settle broker.settle.outcome=ack");
        await watched.MeasuresAsync("messaging.process.duration s messaging.operation.name=process");
        await stream.DeliverAsync(2, "b");
        await watched.MeasuresAsync("broker.client.consumer.settled 1 messaging.operation.name=settle broker.settle.outcome=requeue");
        await watched.MeasuresAsync("messaging.process.duration s messaging.operation.name=process error.type=System.InvalidOperationException");
    }

    [Fact]
    public async Task Requests_are_timed_by_outcome()
    {
        using var watched = new Watched("metrics-requested");
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var request = client.RequestAsync("", "metrics-requested", default, TimeSpan.FromMilliseconds(50));
        await broker.AcceptConsumerAsync();
        await broker.AcceptPublisherAsync();
        await watched.MeasuresAsync("messaging.client.operation.duration s messaging.operation.name=request error.type=timeout");
        await Assert.ThrowsAsync<TimeoutException>(() => request);
    }

    [Fact]
    public async Task Reconnects_are_counted()
    {
        using var watched = new Watched("metrics-reconnects");
        var (broker, client) = await ScriptedBroker.ConnectAsync(static options => ScriptedBroker.Recovering(options) with { ClientName = "metrics-reconnects" });
        await using var disposal = broker;
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        await watched.MeasuresAsync("broker.client.reconnects 1");
        await client.DisposeAsync();
    }
}
