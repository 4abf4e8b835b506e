using System.Buffers;
using Broker.Machines.Access;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes.Access;

/// <summary>Each row of the table of permissions, on the wire.</summary>
public sealed class PermissionTests
{
    /// <summary>An operation, and the accesses without any of which it is refused: c, w or r, and the name.</summary>
    public static TheoryData<string, string> Operations => new()
    {
        { "exchange.declare", "c:new" },
        { "exchange.declare passive", "" },
        { "exchange.declare alternate", "c:new r:new w:alt" },
        { "exchange.delete", "c:gone" },
        { "queue.declare", "c:new" },
        { "queue.declare passive", "" },
        { "queue.declare unnamed", "c:amq.gen-.*" },
        { "queue.declare dead-letters", "c:new r:new w:alt" },
        { "queue.delete", "c:gone" },
        { "queue.purge", "r:q" },
        { "queue.get", "r:q" },
        { "queue.bind", "w:q r:x" },
        { "queue.unbind", "w:q r:x" },
        { "exchange.bind", "w:y r:x" },
        { "exchange.unbind", "w:y r:x" },
        { "publish", "w:x" },
        { "publish default", "w:amq.default" },
        { "consume", "r:q" },
        { "bbq publish", "w:x" },
        { "bbq consume", "r:q" },
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task Operation_is_refused_without_any_of_what_it_needs_and_allowed_with_that_alone(string operation, string needs)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await PrepareAsync(admin);
        await using var client = await broker.ConnectAsync();
        await using var bbq = await broker.ConnectRawAsync("bbq");
        var needed = needs.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach (var missing in needed)
        {
            await AllowAsync(admin, [.. needed.Where(n => n != missing)]);
            var (code, reason) = await RunAsync(client, bbq, operation);
            Assert.Equal((missing, ErrorCode.AccessRefused), (missing, code));
            if (reason is not null)
            {
                Assert.Contains($"{missing[0] switch { 'c' => "configure", 'w' => "write", _ => "read" }} access to ", reason, StringComparison.Ordinal);
                Assert.Contains("in vhost '/' refused for user 'client'", reason, StringComparison.Ordinal);
            }
        }

        await AllowAsync(admin, needed); // takes effect for the next operation of connections that are there
        Assert.Equal(ErrorCode.NoError, (await RunAsync(client, bbq, operation)).Code);
    }

    [Fact]
    public async Task Publisher_that_is_under_way_is_refused_from_the_next_message_on_and_allowed_again()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await PrepareAsync(admin);
        await using var client = await broker.ConnectAsync();
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "q", "1");
        Assert.Equal([1UL], await publisher.ExpectConfirmsAsync(1));
        await AllowAsync(admin, ["w:x"]);
        await publisher.PublishAsync(2, "", "q", "2");
        var reject = await publisher.ExpectRejectAsync();
        Assert.Equal((2UL, ErrorCode.AccessRefused), (reject.Sequence, reject.Code));
        await publisher.PublishAsync(3, "x", "k", "3");
        Assert.Equal([3UL], await publisher.ExpectConfirmsAsync(1));
        await admin.RunAsync("permission clear", """{"user":"client"}""");
        await publisher.PublishAsync(4, "", "q", "4");
        Assert.Equal([4UL], await publisher.ExpectConfirmsAsync(1));
        await admin.ExpectQueueAsync("q", ready: 3, unsettled: 0); // two of its own, and one that came with its preparation
    }

    [Fact]
    public async Task Consumer_that_is_under_way_goes_on_and_cannot_begin_again()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await PrepareAsync(admin);
        await using var client = await broker.ConnectAsync();
        await using var consumer = await client.SubscribeAsync("q");
        await consumer.ExpectDeliveryAsync();
        await AllowAsync(admin, ["w:.*"]);
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "q", "more");
        Assert.Equal("more", (await consumer.ExpectDeliveryAsync()).Text);
        Assert.Equal(ErrorCode.AccessRefused, (await RunAsync(client, client, "consume")).Code);
    }

    [Theory]
    [InlineData("client.a", true)]
    [InlineData("other.a", false)]
    public async Task Topic_permission_decides_by_routing_key(string key, bool allowed)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await PrepareAsync(admin);
        await admin.RunAsync("exchange declare", """{"exchange":"t","type":"topic"}""");
        await admin.RunAsync("topic-permission set", """{"user":"client","exchange":"t","write":"^{username}\\.","read":"^{username}\\."}""");
        await admin.RunAsync("topic-permission set", """{"user":"client","exchange":"x","write":"^$","read":"^$"}"""); // which is no topic exchange
        await using var client = await broker.ConnectAsync();
        Assert.Equal(allowed ? ErrorCode.NoError : ErrorCode.AccessRefused, (await PublishAsync(client, "t", key)).Code);
        Assert.Equal(ErrorCode.NoError, (await PublishAsync(client, "x", key)).Code);
        await using var requests = await client.OpenRequestsAsync();
        foreach (var exchange in new[] { "t", "x" })
        {
            await requests.SendAsync(w => new BindFrame { RequestId = 1, Exchange = exchange, Destination = "q", RoutingKey = key }.Write(w));
            await (allowed || exchange == "x" ? requests.ExpectAsync(FrameType.Ok) : requests.ExpectRefusalAsync(ErrorCode.AccessRefused) as Task);
        }

        await admin.RunAsync("topic-permission clear", """{"user":"client","exchange":"t"}""");
        Assert.Equal(ErrorCode.NoError, (await PublishAsync(client, "t", key)).Code);
    }

    [Theory]
    [InlineData(DefaultPermissions.Full, "", null)]
    [InlineData(DefaultPermissions.None, "", ErrorCode.AccessRefused)]
    [InlineData(DefaultPermissions.None, "/", null)]
    [InlineData(DefaultPermissions.Full, "shop", ErrorCode.AccessRefused)] // with permissions somewhere, the default counts no more
    public async Task User_needs_permissions_to_connect_unless_the_default_gives_them(DefaultPermissions byDefault, string has, ErrorCode? refusal)
    {
        await using var broker = await BrokerFixture.StartAsync(server: o => o with { DefaultPermissions = byDefault });
        await using var admin = await broker.AdministerAsync(); // an administrator may always connect
        await admin.RunAsync("vhost add", """{"vhost":"shop"}""");
        if (has.Length > 0)
        {
            await admin.RunAsync("permission set", $$"""{"user":"client","configure":"","write":"","read":"","vhost":"{{has}}"}""");
        }

        if (refusal is { } code)
        {
            Assert.Contains("user 'client' has no permissions in vhost '/'", await broker.ConnectRefusedAsync(code), StringComparison.Ordinal);
            await broker.ConnectRefusedAsync(code, alpn: "bbq");
        }
        else
        {
            await using var client = await broker.ConnectAsync();
        }
    }

    private static async Task PrepareAsync(WireAdmin admin)
    {
        foreach (var exchange in new[] { "x", "y", "alt", "gone" })
        {
            await admin.RunAsync("exchange declare", $$"""{"exchange":"{{exchange}}"}""");
        }

        foreach (var queue in new[] { "q", "gone" })
        {
            await admin.RunAsync("queue declare", $$"""{"queue":"{{queue}}","transient":true}""");
        }

        await using var publisher = await admin.Connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "q", "first");
        await publisher.ExpectConfirmsAsync(1);
    }

    /// <summary>Lets the client do exactly this.</summary>
    private static async Task AllowAsync(WireAdmin admin, string[] allowed)
    {
        await admin.RunAsync("permission set", $$"""{"user":"client","configure":"{{Of('c')}}","write":"{{Of('w')}}","read":"{{Of('r')}}"}""");

        string Of(char kind) => string.Join('|', allowed.Where(a => a[0] == kind).Select(a => $"^{a[2..]}$"));
    }

    private static async Task<(ErrorCode Code, string? Reason)> RunAsync(WireConnection client, WireConnection bbq, string operation)
    {
        switch (operation)
        {
            case "publish":
                return await PublishAsync(client, "x", "k");
            case "publish default":
                return await PublishAsync(client, "", "q");
            case "consume":
                await using (var consumer = await client.OpenAsync(StreamKind.Consume))
                {
                    await consumer.SendAsync(w => new SubscribeFrame { Queue = "q", CreditMessages = 0, CreditBytes = 0 }.Write(w));
                    var frame = await consumer.ReadAsync();
                    return frame!.Value.Type == FrameType.Subscribed ? (ErrorCode.NoError, null)
                        : ErrorFrame.TryRead(frame.Value.Payload, out var error, out _) ? (error.Code, error.Reason)
                        : throw new InvalidOperationException($"{frame.Value.Type}");
                }

            case "bbq publish" or "bbq consume":
                return await BbqAsync(bbq, operation);
            default:
                return await RequestAsync(client, operation);
        }
    }

    private static async Task<(ErrorCode Code, string? Reason)> PublishAsync(WireConnection client, string exchange, string key)
    {
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, exchange, key, "body");
        var frame = await publisher.ReadAsync();
        return frame!.Value.Type == FrameType.Confirm ? (ErrorCode.NoError, null)
            : RejectFrame.TryRead(frame.Value.Payload, out var reject, out _) ? (reject.Code, reject.Reason)
            : throw new InvalidOperationException($"{frame.Value.Type}");
    }

    private static async Task<(ErrorCode Code, string? Reason)> RequestAsync(WireConnection client, string operation)
    {
        await using var requests = await client.OpenRequestsAsync();
        Action<IBufferWriter<byte>> write = operation switch
        {
            "exchange.declare" => new DeclareExchangeFrame { RequestId = 1, Name = "new", Type = "direct" }.Write,
            "exchange.declare passive" => new DeclareExchangeFrame { RequestId = 1, Name = "x", Type = "direct", Flags = DeclareExchangeFlags.Passive }.Write,
            "exchange.declare alternate" => new DeclareExchangeFrame { RequestId = 1, Name = "new", Type = "direct", Arguments = FieldTable.Of(("alternate-exchange", "alt")) }.Write,
            "exchange.delete" => new DeleteExchangeFrame(1, "gone", DeleteExchangeFlags.None).Write,
            "queue.declare" => new DeclareQueueFrame { RequestId = 1, Name = "new" }.Write,
            "queue.declare passive" => new DeclareQueueFrame { RequestId = 1, Name = "q", Flags = DeclareQueueFlags.Passive }.Write,
            "queue.declare unnamed" => new DeclareQueueFrame { RequestId = 1, Name = "" }.Write,
            "queue.declare dead-letters" => new DeclareQueueFrame { RequestId = 1, Name = "new", Arguments = FieldTable.Of(("x-dead-letter-exchange", "alt")) }.Write,
            "queue.delete" => new DeleteQueueFrame(1, "gone", DeleteQueueFlags.None).Write,
            "queue.purge" => new PurgeQueueFrame(1, "q").Write,
            "queue.get" => new GetFrame(1, "q", GetFlags.None).Write,
            "queue.bind" => new BindFrame { RequestId = 1, Exchange = "x", Destination = "q", RoutingKey = "k" }.Write,
            "queue.unbind" => new UnbindFrame { RequestId = 1, Exchange = "x", Destination = "q", RoutingKey = "k" }.Write,
            "exchange.bind" => new BindFrame { RequestId = 1, Exchange = "x", Destination = "y", DestinationKind = DestinationKind.Exchange }.Write,
            "exchange.unbind" => new UnbindFrame { RequestId = 1, Exchange = "x", Destination = "y", DestinationKind = DestinationKind.Exchange }.Write,
            _ => throw new ArgumentException(operation, nameof(operation)),
        };
        await requests.SendAsync(write);
        var answer = await requests.ReadAsync();
        return answer!.Value.Type != FrameType.RequestError ? (ErrorCode.NoError, null)
            : RequestErrorFrame.TryRead(answer.Value.Payload, out var error, out _) ? (error.Code, error.Reason)
            : throw new InvalidOperationException("REQUEST_ERROR");
    }

    /// <summary>The protocol has no words for reasons.</summary>
    private static async Task<(ErrorCode Code, string? Reason)> BbqAsync(WireConnection bbq, string operation)
    {
        try
        {
            if (operation == "bbq publish")
            {
                Assert.Equal([0], await BbqTests.PublishAsync(bbq, "x", "k", "body"));
                return (ErrorCode.NoError, null);
            }

            await using var consumer = await BbqTests.ConsumeAsync(bbq, "q");
            await BbqTests.ReadDeliveryAsync(consumer);
            return (ErrorCode.NoError, null);
        }
        catch (QuicTransportException e)
        {
            return ((ErrorCode)e.ErrorCode!.Value, null);
        }
    }
}
