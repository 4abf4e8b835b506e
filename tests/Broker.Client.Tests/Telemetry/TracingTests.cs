using System.Diagnostics;
using Broker.Client.Tests.Recovery;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Telemetry;

/// <summary>Spans of publishing and processing, and the trace in the headers between them.</summary>
[Collection(ListenerCollection.Name)]
public sealed class TracingTests
{
    [Fact]
    public async Task A_publish_is_a_span_until_its_outcome_and_the_message_carries_it()
    {
        using var watched = new Watched("traced-orders", traces: true);
        using var outer = new Activity("request").Start();
        outer.TraceStateString = "vendor=1";
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var own = FieldTable.Of(("mine", "kept"));
        var publish = client.PublishAsync(
            "traced-orders", "k", "hello"u8.ToArray(), new PublishOptions { Properties = new MessageProperties { MessageId = "m-1", Headers = own } });
        Assert.Same(outer, Activity.Current);
        var stream = await broker.AcceptPublisherAsync();
        var headers = (await stream.ReadAsync()).AsPublishedProperties().Headers;
        await stream.ConfirmAsync(new SequenceRange(1, 1));
        await Within.TimeAsync(publish, "the confirm");
        var span = Assert.Single(await watched.ActivitiesAsync(1));
        Assert.Equal(("publish traced-orders", ActivityKind.Producer, ActivityStatusCode.Unset), (span.DisplayName, span.Kind, span.Status));
        Assert.Equal((outer.TraceId, outer.SpanId), (span.TraceId, span.ParentSpanId));
        Assert.Equal(FieldTable.Of(("mine", "kept"), ("traceparent", span.Id!), ("tracestate", "vendor=1")), headers);
        Assert.Equal(("broker", "publish", "send"), (Tag(span, "messaging.system"), Tag(span, "messaging.operation.name"), Tag(span, "messaging.operation.type")));
        Assert.Equal(("k", "5", "m-1"), (
            Tag(span, "messaging.broker.destination.routing_key"), Tag(span, "messaging.message.body.size"), Tag(span, "messaging.message.id")));
    }

    [Fact]
    public async Task A_publish_that_fails_is_a_span_that_says_why()
    {
        using var watched = new Watched("traced-failures", traces: true);
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var returned = client.PublishAsync("traced-failures", "k", default);
        var stream = await broker.AcceptPublisherAsync();
        await stream.ReadAsync();
        await stream.SendAsync(new ReturnFrame(1, ErrorCode.Unroutable, "no queue").Write);
        await Assert.ThrowsAsync<PublishReturnedException>(() => Within.TimeAsync(returned, "the return"));
        await watched.ActivitiesAsync(1); // which stops a moment after its caller has heard
        await Assert.ThrowsAsync<PublishRejectedException>(() => client.PublishAsync("traced-failures", "k", new byte[client.MaxMessageBytes + 1]));
        await watched.ActivitiesAsync(2);
        var unknown = client.PublishAsync("traced-failures", "k", default);
        await stream.ReadAsync();
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(unknown, "the loss"));
        var spans = await watched.ActivitiesAsync(3);
        Assert.Equal(["UNROUTABLE", "MESSAGE_TOO_LARGE", "SHUTTING_DOWN"], spans.Select(static span => Tag(span, "error.type")));
        Assert.All(spans, static span => Assert.Equal(ActivityStatusCode.Error, span.Status));
        Assert.Equal("no queue", spans[0].StatusDescription);
    }

    [Fact]
    public async Task A_handler_runs_in_a_span_that_follows_the_publishers()
    {
        using var watched = new Watched("traced-handled", traces: true);
        const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        string? current = null;
        Task<CallbackConsumer> consuming;
        using (new Activity("whoever starts the consumer").Start())
        {
            consuming = client.ConsumeAsync("traced-handled", (message, _) =>
            {
                current = Activity.Current?.Id;
                return message.Tag == 2 ? throw new InvalidOperationException("no") : Task.CompletedTask;
            });
        }

        var stream = await broker.AcceptConsumerAsync();
        await Within.TimeAsync(consuming, "the subscription");
        await stream.DeliverAsync(1, "hello", new MessageProperties { Headers = FieldTable.Of(("traceparent", Parent), ("tracestate", "vendor=1")) });
        var span = Assert.Single(await watched.ActivitiesAsync(1));
        Assert.Equal(("process traced-handled", ActivityKind.Consumer, Parent), (span.DisplayName, span.Kind, span.ParentId));
        Assert.Equal(("vendor=1", true, "process"), (span.TraceStateString, span.HasRemoteParent, Tag(span, "messaging.operation.type")));
        Assert.Equal(span.Id, current);
        await stream.DeliverAsync(2, "hello");
        var failed = (await watched.ActivitiesAsync(2))[1];
        Assert.Equal((ActivityStatusCode.Error, "no", null), (failed.Status, failed.StatusDescription, failed.ParentId));
        Assert.Equal("System.InvalidOperationException", Tag(failed, "error.type"));
    }

    [Fact]
    public async Task A_trace_goes_through_the_node_from_the_publisher_to_the_handler()
    {
        using var watched = new Watched("traced-through", traces: true);
        var network = new InMemoryNetwork();
        await using var transport = new InMemoryTransport(network);
        await using var node = await RealNode.StartAsync(network, new MemoryDisk(), 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("traced-through");
        await client.PublishAsync("", "traced-through", "hello"u8.ToArray());
        await watched.ActivitiesAsync(1);
        await using var consumer = await client.ConsumeAsync("traced-through", static (_, _) => Task.CompletedTask);
        var spans = await watched.ActivitiesAsync(2);
        Assert.Equal([ActivityKind.Producer, ActivityKind.Consumer], spans.Select(static span => span.Kind));
        Assert.Equal((spans[0].TraceId, spans[0].SpanId), (spans[1].TraceId, spans[1].ParentSpanId));
    }

    [Fact]
    public async Task A_loop_of_ones_own_starts_its_span_itself()
    {
        using var watched = new Watched("traced-loop", traces: true);
        const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var subscribing = client.SubscribeAsync("traced-loop");
        var stream = await broker.AcceptConsumerAsync();
        var consumer = await Within.TimeAsync(subscribing, "the subscription");
        await stream.DeliverAsync(1, "hello", new MessageProperties { Headers = FieldTable.Of(("traceparent", Parent)) });
        using var batch = await Within.TimeAsync(consumer.ReadBatchAsync().AsTask(), "the delivery");
        using var outer = new Activity("loop").Start();
        using (var processing = batch![0].StartActivity("traced-loop"))
        {
            Assert.Same(processing, Activity.Current);
        }

        var span = Assert.Single(await watched.ActivitiesAsync(1));
        Assert.Equal(Parent, span.ParentId);
        Assert.Equal(outer.Context, Assert.Single(span.Links).Context);
    }

    [Fact]
    public async Task Headers_of_a_message_that_has_a_trace_already_or_no_room_stay_as_they_are()
    {
        using var outer = new Activity("request").Start();
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var own = FieldTable.Of(("traceparent", "mine"));
        var full = FieldTable.Of(Enumerable.Range(0, 1024).Select(static i => KeyValuePair.Create($"h{i}", FieldValue.From(true))));
        var large = FieldTable.Of(("large", new byte[65_500]));
        foreach (var headers in (FieldTable[])[own, full, large])
        {
            _ = client.PublishAsync("x", "k", default, new PublishOptions { Properties = new MessageProperties { Headers = headers } });
        }

        var stream = await broker.AcceptPublisherAsync();
        foreach (var headers in (FieldTable[])[own, full, large])
        {
            Assert.Equal(headers, (await stream.ReadAsync()).AsPublishedProperties().Headers);
        }
    }

    [Fact]
    public async Task An_activity_of_somebody_else_is_carried_without_a_span_of_the_clients()
    {
        using var outer = new Activity("request").Start();
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        _ = client.PublishAsync("x", "k", default);
        var stream = await broker.AcceptPublisherAsync();
        var parent = (await stream.ReadAsync()).AsPublishedProperties().Headers.Single(static header => header.Key == "traceparent").Value.AsText()!;
        Assert.True(ActivityContext.TryParse(parent, null, out var context));
        Assert.Equal(outer.TraceId, context.TraceId);
    }

    private static string? Tag(Activity span, string name) => span.GetTagItem(name)?.ToString();
}
