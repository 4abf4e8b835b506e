using Broker.Client.Tests.Scripted;
using Broker.Machines.Routing;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Client.Tests.Requests;

/// <summary>Typed options are the arguments that their documentation names.</summary>
public sealed class DeclarationOptionsTests
{
    public static TheoryData<QueueOptions, string, FieldValue> QueueArguments => new()
    {
        { new() { Type = QueueType.Queue }, "x-queue-type", "queue" },
        { new() { Type = QueueType.Log }, "x-queue-type", "log" },
        { new() { MessageTtl = TimeSpan.Zero }, "x-message-ttl", 0L },
        { new() { MessageTtl = TimeSpan.FromTicks(1) }, "x-message-ttl", 1L },
        { new() { MessageTtl = TimeSpan.FromSeconds(1.5) }, "x-message-ttl", 1500L },
        { new() { Expires = TimeSpan.FromMilliseconds(1) }, "x-expires", 1L },
        { new() { MaxLength = 0 }, "x-max-length", 0L },
        { new() { MaxLengthBytes = long.MaxValue }, "x-max-length-bytes", long.MaxValue },
        { new() { Overflow = QueueOverflow.DropHead }, "x-overflow", "drop-head" },
        { new() { Overflow = QueueOverflow.RejectPublish }, "x-overflow", "reject-publish" },
        { new() { Overflow = QueueOverflow.RejectPublishDeadLetter }, "x-overflow", "reject-publish-dlx" },
        { new() { DeadLetterExchange = "" }, "x-dead-letter-exchange", "" },
        { new() { DeliveryLimit = -1 }, "x-delivery-limit", -1L },
        { new() { MaxPriority = 31 }, "x-max-priority", 31L },
        { new() { SingleActiveConsumer = false }, "x-single-active-consumer", false },
        { new() { ConsumerTimeout = TimeSpan.Zero }, "x-consumer-timeout", 0L },
        { new() { ConsumerTimeout = TimeSpan.FromSeconds(1) }, "x-consumer-timeout", 1000L },
        { new() { RetryBackoff = RetryBackoff.None }, "x-retry-backoff", "none" },
        { new() { RetryBackoff = RetryBackoff.Linear }, "x-retry-backoff", "linear" },
        { new() { RetryBackoff = RetryBackoff.Exponential }, "x-retry-backoff", "exponential" },
        { new() { RetryDelay = TimeSpan.FromSeconds(1) }, "x-retry-delay", 1000L },
        { new() { RetryMaxDelay = TimeSpan.FromMinutes(1) }, "x-retry-max-delay", 60_000L },
        { new() { MessageGroups = true }, "x-message-groups", true },
        { new() { DeduplicationWindow = TimeSpan.FromMinutes(5) }, "x-deduplication-window", 300_000L },
        { new() { DeduplicationSize = 10_000_000 }, "x-deduplication-size", 10_000_000L },
        { new() { Conflate = true }, "x-conflate", true },
        { new() { MaxAge = TimeSpan.FromDays(7) }, "x-max-age", 604_800_000L },
    };

    public static TheoryData<QueueOptions, string> WrongQueueOptions => new()
    {
        { new() { MessageTtl = TimeSpan.FromTicks(-1) }, "MessageTtl" },
        { new() { Expires = TimeSpan.Zero }, "Expires" },
        { new() { MaxLength = -1 }, "MaxLength" },
        { new() { MaxLengthBytes = -1 }, "MaxLengthBytes" },
        { new() { Overflow = (QueueOverflow)7 }, "overflow" },
        { new() { DeadLetterRoutingKey = "dead" }, "DeadLetterExchange" },
        { new() { DeliveryLimit = -2 }, "DeliveryLimit" },
        { new() { MaxPriority = 0 }, "MaxPriority" },
        { new() { MaxPriority = 32 }, "MaxPriority" },
        { new() { ConsumerTimeout = TimeSpan.FromMilliseconds(999) }, "ConsumerTimeout" },
        { new() { ConsumerTimeout = Timeout.InfiniteTimeSpan }, "ConsumerTimeout" },
        { new() { RetryDelay = TimeSpan.Zero }, "RetryDelay" },
        { new() { RetryMaxDelay = TimeSpan.Zero }, "RetryMaxDelay" },
        { new() { DeduplicationWindow = TimeSpan.Zero }, "DeduplicationWindow" },
        { new() { DeduplicationSize = 10_000_001 }, "DeduplicationSize" },
        { new() { MaxAge = TimeSpan.FromMilliseconds(999) }, "MaxAge" },
        { new() { MaxLength = 5, Arguments = FieldTable.Of(("x-max-length", 6L)) }, "Arguments say 'x-max-length' is 6, and MaxLength says it is 5" },
    };

    [Theory]
    [MemberData(nameof(QueueArguments), DisableDiscoveryEnumeration = true)]
    public void An_option_of_a_queue_is_one_argument(QueueOptions options, string name, FieldValue value) =>
        Assert.Equal(FieldTable.Of((name, value)), options.ToTable());

    [Fact]
    public void The_broker_knows_every_option_and_there_is_one_for_all_that_it_knows()
    {
        var names = new HashSet<string>();
        foreach (var row in QueueArguments)
        {
            var table = row.Data.Item1.ToTable();
            if (table.TryGetValue("x-queue-type", out var type) && type == "log")
            {
                continue; // which knows few of them
            }

            names.Add(row.Data.Item2);
            var needed = WithWhatItNeeds(row.Data.Item1, row.Data.Item2);
            Assert.True(Machines.Queues.QueueArguments.TryParse(needed.ToTable(), out _, out var fault), $"{row.Data.Item2}: {fault.Reason}");
        }

        Assert.Equal(Machines.Queues.QueueArguments.Names.Order(), names.Append("x-dead-letter-routing-key").Order());
    }

    [Theory]
    [InlineData(HashProperty.MessageId, "message_id")]
    [InlineData(HashProperty.CorrelationId, "correlation_id")]
    [InlineData(HashProperty.Timestamp, "timestamp")]
    public void A_property_to_hash_has_the_brokers_name(HashProperty property, string name)
    {
        var table = new ExchangeOptions { HashProperty = property }.ToTable();
        Assert.Equal(FieldTable.Of(("hash-property", name)), table);
        Assert.True(ExchangeArguments.TryParse(table, ExchangeKind.ConsistentHash, out _, out var fault), fault.Reason);
        Assert.Throws<ArgumentException>(() => new ExchangeOptions { HashProperty = property, HashHeader = "customer" }.ToTable());
    }

    [Fact]
    public void The_broker_knows_every_type_of_exchange()
    {
        foreach (var constant in typeof(ExchangeType).GetFields())
        {
            Assert.True(ExchangeKinds.TryParse((string)constant.GetRawConstantValue()!, out var kind), constant.Name);
            Assert.Equal(constant.GetRawConstantValue(), kind.NameOf());
        }

        Assert.Equal(Enum.GetValues<ExchangeKind>().Length, typeof(ExchangeType).GetFields().Length);
    }

    [Theory]
    [MemberData(nameof(WrongQueueOptions), DisableDiscoveryEnumeration = true)]
    public async Task An_option_that_cannot_be_is_named_before_anything_is_sent(QueueOptions options, string named)
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var refused = await Assert.ThrowsAnyAsync<ArgumentException>(() => client.DeclareQueueAsync("orders", options));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.True(broker.HasNoStream(StreamKind.Request));
    }

    [Fact]
    public void Nothing_is_said_by_default() => Assert.Equal(
        (FieldTable.Empty, FieldTable.Empty, FieldTable.Empty), (new QueueOptions().ToTable(), new ExchangeOptions().ToTable(), new ConsumerOptions().ToTable()));

    [Fact]
    public void Arguments_of_ones_own_come_first_and_may_repeat_what_an_option_says()
    {
        var own = FieldTable.Of(("x-own", "mine"), ("x-max-length", 5L));
        Assert.Equal(
            FieldTable.Of(("x-own", "mine"), ("x-max-length", 5L), ("x-overflow", "reject-publish")),
            new QueueOptions { MaxLength = 5, Overflow = QueueOverflow.RejectPublish, Arguments = own }.ToTable());
        Assert.Equal(
            FieldTable.Of(("x-dead-letter-exchange", "dead"), ("x-dead-letter-routing-key", "k")),
            new QueueOptions { DeadLetterRoutingKey = "k", Arguments = FieldTable.Of(("x-dead-letter-exchange", "dead")) }.ToTable());
    }

    [Fact]
    public async Task Declarations_and_subscriptions_carry_their_arguments()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        _ = client.DeclareQueueAsync("orders", new QueueOptions { MaxLength = 5, Arguments = FieldTable.Of(("x-own", true)) });
        _ = client.DeclareExchangeAsync("later", ExchangeType.Delayed, new ExchangeOptions { DelayedType = ExchangeType.Topic, AlternateExchange = "lost" });
        _ = client.DeclareExchangeAsync("spread", ExchangeType.ConsistentHash, new ExchangeOptions { HashHeader = "customer" });
        var stream = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal(
            FieldTable.Of(("x-own", true), ("x-max-length", 5L)),
            (await stream.ReadAsync<DeclareQueueFrame>(FrameType.DeclareQueue, DeclareQueueFrame.TryRead)).Arguments);
        var later = await stream.ReadAsync<DeclareExchangeFrame>(FrameType.DeclareExchange, DeclareExchangeFrame.TryRead);
        Assert.Equal(("x-delayed-message", FieldTable.Of(("alternate-exchange", "lost"), ("x-delayed-type", "topic"))), (later.Type, later.Arguments));
        var spread = await stream.ReadAsync<DeclareExchangeFrame>(FrameType.DeclareExchange, DeclareExchangeFrame.TryRead);
        Assert.Equal(("x-consistent-hash", FieldTable.Of(("hash-header", "customer"))), (spread.Type, spread.Arguments));

        _ = client.SubscribeAsync("orders", new ConsumerOptions { Priority = -3, Arguments = FieldTable.Of(("x-own", "mine")) });
        await broker.AcceptConsumerAsync(
            static subscribe => Assert.Equal(FieldTable.Of(("x-own", "mine"), ("x-priority", -3L)), subscribe.Arguments));
        await Assert.ThrowsAsync<ArgumentException>(
            () => client.SubscribeAsync("orders", new ConsumerOptions { Priority = 1, Arguments = FieldTable.Of(("x-priority", 2L)) }));
    }

    [Fact]
    public async Task Exchanges_are_bound_to_exchanges()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync();
        await using var disposal = broker;
        var bind = client.BindExchangeAsync("from", "to", "key.*", FieldTable.Of(("a", 1L)));
        var unbind = client.UnbindExchangeAsync("from", "to", "key.*", FieldTable.Of(("a", 1L)));
        var stream = await broker.AcceptAsync(StreamKind.Request);
        var bound = await stream.ReadAsync<BindFrame>(FrameType.Bind, BindFrame.TryRead);
        Assert.Equal(
            ("from", DestinationKind.Exchange, "to", "key.*", FieldTable.Of(("a", 1L))),
            (bound.Exchange, bound.DestinationKind, bound.Destination, bound.RoutingKey, bound.Arguments));
        var unbound = await stream.ReadAsync<UnbindFrame>(FrameType.Unbind, UnbindFrame.TryRead);
        Assert.Equal(
            (bound.Exchange, bound.DestinationKind, bound.Destination, bound.RoutingKey, bound.Arguments),
            (unbound.Exchange, unbound.DestinationKind, unbound.Destination, unbound.RoutingKey, unbound.Arguments));
        await stream.SendAsync(new OkFrame(1).Write, new RequestErrorFrame(2, ErrorCode.AccessRefused, "built in").Write);
        await Within.TimeAsync(bind, "the binding");
        var refused = await Assert.ThrowsAsync<BrokerRequestException>(() => Within.TimeAsync(unbind, "the refusal"));
        Assert.Equal("unbind exchange 'to' from exchange 'from'", refused.Operation);
    }

    [Fact]
    public async Task Bindings_between_exchanges_come_back_with_either_of_them()
    {
        var (broker, client) = await ScriptedBroker.ConnectAsync(ScriptedBroker.Recovering);
        await using var disposal = broker;
        var lasting = new ExchangeOptions();
        var passing = new ExchangeOptions { Durable = false };
        Task[] declared =
        [
            client.DeclareExchangeAsync("lasting", "fanout", lasting),
            client.DeclareExchangeAsync("other", "fanout", lasting),
            client.DeclareExchangeAsync("passing", "fanout", passing),
            client.DeclareExchangeAsync("deleted", "fanout", passing),
            client.BindExchangeAsync("lasting", "passing"),
            client.BindExchangeAsync("passing", "other"),
            client.BindExchangeAsync("lasting", "other"),
            client.BindExchangeAsync("passing", "deleted"),
        ];
        var requests = await broker.AcceptAsync(StreamKind.Request);
        await requests.SendAsync([.. Enumerable.Range(1, declared.Length).Select<int, Action<System.Buffers.IBufferWriter<byte>>>(static id => new OkFrame((ulong)id).Write)]);
        await Within.TimeAsync(Task.WhenAll(declared), "the declarations");
        var deleted = client.DeleteExchangeAsync("deleted");
        await requests.SendAsync(new OkFrame((ulong)declared.Length + 1).Write);
        await Within.TimeAsync(deleted, "the deletion");
        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await broker.AcceptAsync();
        var again = await broker.AcceptAsync(StreamKind.Request);
        Assert.Equal("passing", (await again.ReadAsync<DeclareExchangeFrame>(FrameType.DeclareExchange, DeclareExchangeFrame.TryRead)).Name);
        await again.SendAsync(new OkFrame(1).Write);
        var bindings = new HashSet<string>();
        for (var id = 2ul; id <= 3; id++)
        {
            var bound = await again.ReadAsync<BindFrame>(FrameType.Bind, BindFrame.TryRead);
            bindings.Add($"{bound.Exchange} to {bound.DestinationKind} {bound.Destination}");
            await again.SendAsync(new OkFrame(id).Write);
        }

        Assert.Equal(["lasting to Exchange passing", "passing to Exchange other"], bindings.Order());
        Assert.Null(await again.TryReadAsync());
        await again.EndAsync();
    }

    /// <summary>The options with whatever else a broker asks for beside one argument.</summary>
    internal static QueueOptions WithWhatItNeeds(QueueOptions options, string argument) => argument switch
    {
        "x-retry-delay" or "x-retry-max-delay" => options with { RetryBackoff = RetryBackoff.Linear, RetryDelay = TimeSpan.FromSeconds(1) },
        "x-retry-backoff" => options with { RetryDelay = options.RetryBackoff == RetryBackoff.None ? null : TimeSpan.FromSeconds(1) },
        "x-deduplication-size" => options with { DeduplicationWindow = TimeSpan.FromSeconds(1) },
        "x-max-age" => options with { Type = QueueType.Log },
        _ => options,
    };
}
