using System.Text.Json.Nodes;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes.Access;

/// <summary>A vhost is a space of names that knows nothing of the others.</summary>
public sealed class VhostTests
{
    private const string Everything = """{"user":"client","configure":".*","write":".*","read":".*","vhost":"shop"}""";

    [Fact]
    public async Task Same_names_in_two_vhosts_are_two_things()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await StartShopAsync(broker);
        await using var one = await broker.ConnectAsync();
        await using var shop = await broker.ConnectAsync(vhost: "shop");
        foreach (var (client, text) in new[] { (one, "one"), (shop, "shop") })
        {
            await client.BindAsync("logs", "fanout", "", "q", "more");
            await using var publisher = await client.OpenPublisherAsync();
            await publisher.PublishAsync(1, "logs", "", text);
            await publisher.PublishAsync(2, "", "q", $"{text} by name"); // the default exchange is that of the vhost
            await publisher.ExpectConfirmsAsync(2);
            await publisher.PublishAsync(3, "amq.fanout", "", "nothing is bound", PublishFlags.Mandatory);
            await publisher.ExpectAsync(FrameType.Return);
        }

        foreach (var (client, text) in new[] { (one, "one"), (shop, "shop") })
        {
            await using var consumer = await client.SubscribeAsync("q");
            Assert.Equal([text, $"{text} by name"], await consumer.ExpectBodiesAsync(2));
            await using var requests = await client.OpenRequestsAsync();
            await requests.SendAsync(w => new PurgeQueueFrame(1, "more").Write(w));
            Assert.Equal(1UL, await requests.ExpectCountAsync());
        }

        Assert.Equal(["more", "q"], (await admin.RunAsync("queue list", """{"vhost":"shop"}""")).Select(q => (string)q["name"]!));
        Assert.Equal(["logs"], await CustomExchangesAsync(admin, "shop"));
        await admin.RunAsync("queue delete", """{"queue":"q","vhost":"shop"}""");
        Assert.Equal(["more", "q"], (await admin.RunAsync("queue list")).Select(q => (string)q["name"]!));
    }

    [Fact]
    public async Task What_a_client_is_told_has_its_own_names()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await StartShopAsync(broker);
        await using var shop = await broker.ConnectAsync(vhost: "shop");
        await using var requests = await shop.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "" }.Write(w));
        Assert.StartsWith("amq.gen-", (await requests.ExpectQueueOkAsync()).Name, StringComparison.Ordinal);
        await requests.SendAsync(w => new GetFrame(2, "none", GetFlags.None).Write(w));
        Assert.Equal("there is no queue 'none'", await requests.ExpectRefusalAsync(ErrorCode.NotFound));
        await requests.SendAsync(w => new BindFrame { RequestId = 3, Exchange = "none", Destination = "q" }.Write(w));
        Assert.Equal("there is no exchange 'none'", await requests.ExpectRefusalAsync(ErrorCode.NotFound));
        await using var publisher = await shop.OpenPublisherAsync();
        await publisher.PublishAsync(1, "none", "k", "body");
        Assert.Equal("there is no exchange 'none'", (await publisher.ExpectRejectAsync()).Reason);
    }

    [Fact]
    public async Task Deleting_a_vhost_ends_its_connections_and_deletes_everything_in_it()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var admin = await StartShopAsync(broker);
            await using var one = await broker.ConnectAsync();
            await using var shop = await broker.ConnectAsync(vhost: "shop");
            await one.FillDurableAsync("q", "kept");
            await shop.FillDurableAsync("q", "1", "2");
            await shop.BindAsync("logs", "topic", "#", "t");
            await admin.RunAsync("policy set", """{"name":"p","pattern":"","definition":"{\"max-length\":5}","vhost":"shop"}""");
            await admin.RunAsync("vhost limit", """{"vhost":"shop","max-queues":5}""");
            await using var inbox = await shop.SubscribeDirectAsync("amq.address.alice");
            Assert.Single(await admin.RunAsync("address list"));
            await admin.RunAsync("vhost delete", """{"vhost":"shop"}""");
            var closed = await shop.ClosedAsync();
            Assert.Equal((QuicError.ConnectionAborted, (long?)ErrorCode.NotFound), (closed.Error, closed.ErrorCode));
            Assert.Contains("vhost 'shop' was deleted", closed.Reason, StringComparison.Ordinal);
            await ExpectGoneAsync(broker, admin);
            await admin.RunAsync("vhost delete", """{"vhost":"shop"}"""); // no effect
            await one.DeclareQueueAsync("still there");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: disk);
        await using var again = await restarted.AdministerAsync();
        await ExpectGoneAsync(restarted, again);
        Assert.Equal(["q"], (await again.RunAsync("queue list")).Select(q => (string)q["name"]!)); // and none that was recovered
    }

    [Fact]
    public async Task Vhosts_permissions_policies_and_limits_outlive_the_process()
    {
        var disk = new MemoryDisk();
        await using (var broker = await BrokerFixture.StartAsync(disk: disk))
        {
            await using var admin = await StartShopAsync(broker);
            await admin.RunAsync("policy set", """{"name":"p","pattern":"^q$","definition":"{\"max-length\":5}","vhost":"shop","priority":3}""");
            await admin.RunAsync("operator-policy set", """{"name":"o","pattern":"","definition":"{\"max-length\":9}","vhost":"shop"}""");
            await admin.RunAsync("topic-permission set", """{"user":"client","exchange":"t","write":"a","read":"","vhost":"shop"}""");
            await admin.RunAsync("vhost limit", """{"vhost":"shop","max-queues":1}""");
            await admin.RunAsync("user limit", """{"user":"client","max-connections":1}""");
            await using var shop = await broker.ConnectAsync(vhost: "shop");
            await shop.FillDurableAsync("q", "kept");
        }

        await using var restarted = await BrokerFixture.StartAsync(disk: disk);
        await using var again = await restarted.AdministerAsync();
        var queue = Assert.Single(await again.RunAsync("queue list", """{"vhost":"shop"}"""));
        Assert.Equal(("q", "p", "o", 1), ((string)queue["name"]!, (string)queue["policy"]!, (string)queue["operatorPolicy"]!, (int)queue["ready"]!));
        var vhost = Assert.Single(await again.RunAsync("vhost show", """{"vhost":"shop"}"""));
        Assert.Equal((1, "client", "p", "o"), ((int)vhost["maxQueues"]!, Only(vhost, "users"), Only(vhost, "policies"), Only(vhost, "operatorPolicies")));
        Assert.Equal("a", (string)Assert.Single(await again.RunAsync("topic-permission list"))["write"]!);
        await using var client = await restarted.ConnectAsync(vhost: "shop");
        await using var requests = await client.OpenRequestsAsync();
        await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "second" }.Write(w));
        await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed);
        await restarted.ConnectRefusedAsync(ErrorCode.LimitExceeded, "shop");
    }

    [Theory]
    [InlineData("none", ErrorCode.NotFound, "there is no vhost 'none'")]
    [InlineData("other", ErrorCode.AccessRefused, "user 'client' has no permissions in vhost 'other'")]
    public async Task Hello_for_a_vhost_that_is_not_the_users_is_refused(string vhost, ErrorCode code, string says)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await StartShopAsync(broker);
        await admin.RunAsync("vhost add", """{"vhost":"other"}""");
        Assert.Contains(says, await broker.ConnectRefusedAsync(code, vhost), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limits_count_what_there_is()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await StartShopAsync(broker);
        await admin.RunAsync("vhost limit", """{"vhost":"shop","max-connections":1,"max-queues":2}""");
        await using (var first = await broker.ConnectAsync(vhost: "shop"))
        {
            Assert.Contains("vhost 'shop' has 1 connections to this node and may have 1", await broker.ConnectRefusedAsync(ErrorCode.LimitExceeded, "shop"), StringComparison.Ordinal);
            await using var elsewhere = await broker.ConnectAsync();
            await using var requests = await first.OpenRequestsAsync();
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 1, Name = "a" }.Write(w), w => new DeclareQueueFrame { RequestId = 2, Name = "" }.Write(w));
            await requests.ExpectQueueOkAsync();
            await requests.ExpectQueueOkAsync();
            await requests.SendAsync(w => new DeclareQueueFrame { RequestId = 3, Name = "" }.Write(w), w => new DeclareQueueFrame { RequestId = 4, Name = "a" }.Write(w));
            Assert.Contains("vhost 'shop' has 2 queues and may have 2", await requests.ExpectRefusalAsync(ErrorCode.PreconditionFailed), StringComparison.Ordinal);
            await requests.ExpectQueueOkAsync(); // it is there
            await elsewhere.DeclareQueueAsync("b");
        }

        await WireAdmin.UntilAsync(() => admin.RunAsync("vhost show", """{"vhost":"shop"}"""), v => (int)v[0]["connections"]! == 0, "the connection to have ended");
        await using (var second = await broker.ConnectAsync(vhost: "shop"))
        {
            await admin.RunAsync("vhost limit", """{"vhost":"shop","max-connections":-1}""");
            var row = Assert.Single(await admin.RunAsync("vhost show", """{"vhost":"shop"}"""));
            Assert.Equal((null, 2L), ((long?)row["maxConnections"], (long?)row["maxQueues"])); // what was not said stays
            await using var third = await broker.ConnectAsync(vhost: "shop");
            await admin.RunAsync("user limit", """{"user":"client","max-connections":2}""");
            await broker.ConnectRefusedAsync(ErrorCode.LimitExceeded);
            await broker.ConnectRefusedAsync(ErrorCode.LimitExceeded, alpn: "bbq");
        }

        Assert.Equal(2, (int)(await admin.RunAsync("user list")).Single(u => (string)u["user"]! == "client")["maxConnections"]!);
    }

    [Fact]
    public async Task Same_producer_id_in_two_vhosts_is_two_producers()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await StartShopAsync(broker);
        await using var one = await broker.ConnectAsync();
        await using var shop = await broker.ConnectAsync(vhost: "shop");
        await one.DeclareQueueAsync("q");
        await shop.DeclareQueueAsync("q");
        var (first, _) = await one.OpenProducerAsync("p");
        await first.PublishAsync(7, "", "q", "one");
        await first.ExpectConfirmsAsync(1);
        var (second, last) = await shop.OpenProducerAsync("p");
        Assert.Equal(0UL, last);
        await second.PublishAsync(1, "", "q", "shop");
        await second.ExpectConfirmsAsync(1);
        await first.PublishAsync(8, "", "q", "one goes on");
        await first.ExpectConfirmsAsync(1);
    }

    [Theory]
    [InlineData("vhost delete", """{"vhost":"/"}""", ErrorCode.AccessRefused, "is always there")]
    [InlineData("vhost add", """{"vhost":""}""", ErrorCode.InvalidArgument, "vhost")]
    [InlineData("vhost limit", """{"vhost":"none"}""", ErrorCode.NotFound, "there is no vhost 'none'")]
    [InlineData("vhost limit", """{"vhost":"/","max-queues":-2}""", ErrorCode.InvalidArgument, "-1 for no limit")]
    [InlineData("queue list", """{"vhost":"none"}""", ErrorCode.NotFound, "'pbm vhost list' shows them")]
    [InlineData("queue declare", """{"vhost":"none","queue":"q"}""", ErrorCode.NotFound, "there is no vhost 'none'")]
    [InlineData("exchange declare", """{"vhost":"none","exchange":"x"}""", ErrorCode.NotFound, "there is no vhost 'none'")]
    [InlineData("permission set", """{"vhost":"none","user":"u","configure":"","write":"","read":""}""", ErrorCode.NotFound, "there is no vhost 'none'")]
    [InlineData("permission set", """{"user":"","configure":"","write":"","read":""}""", ErrorCode.InvalidArgument, "a user's name has")]
    [InlineData("permission set", """{"user":"u","configure":"","write":"(","read":""}""", ErrorCode.InvalidArgument, "write: '(' is no regular expression")]
    [InlineData("topic-permission set", """{"user":"u","exchange":"x","write":"(","read":""}""", ErrorCode.InvalidArgument, "is no regular expression")]
    [InlineData("policy set", """{"name":"p","pattern":"(","definition":"{\"max-length\":1}"}""", ErrorCode.InvalidArgument, "is no regular expression")]
    [InlineData("policy set", """{"name":"p","pattern":"","definition":"{\"max-length\":"}""", ErrorCode.InvalidArgument, "is no JSON object such as")]
    [InlineData("policy set", """{"name":"p","pattern":"","definition":"[1]"}""", ErrorCode.InvalidArgument, "is no JSON object")]
    [InlineData("policy set", """{"name":"p","pattern":"","definition":"{\"ttl\":1}"}""", ErrorCode.InvalidArgument, "'ttl' is unknown")]
    [InlineData("policy set", """{"name":"p","pattern":"","definition":"{\"max-length\":1}","apply-to":"nodes"}""", ErrorCode.InvalidArgument, "it can be for all, queues")]
    [InlineData("policy set", """{"name":"","pattern":"","definition":"{\"max-length\":1}"}""", ErrorCode.InvalidArgument, "a policy's name has")]
    [InlineData("operator-policy set", """{"name":"p","pattern":"","definition":"{\"overflow\":\"drop-head\"}"}""", ErrorCode.InvalidArgument, "it sets bounds")]
    public async Task Command_that_cannot_be_is_refused_with_what_would_be_right(string command, string json, ErrorCode code, string says)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        Assert.Contains(says, await admin.RefusedAsync(code, command, json), StringComparison.Ordinal);
    }

    private static async Task<WireAdmin> StartShopAsync(BrokerFixture broker)
    {
        var admin = await broker.AdministerAsync();
        await admin.RunAsync("vhost add", """{"vhost":"shop","description":"what is sold"}""");
        await admin.RunAsync("permission set", Everything);
        await admin.RunAsync("permission set", Everything.Replace("shop", "/", StringComparison.Ordinal));
        return admin;
    }

    private static async Task ExpectGoneAsync(BrokerFixture broker, WireAdmin admin)
    {
        await broker.ConnectRefusedAsync(ErrorCode.NotFound, "shop", Transport.Tests.TestCertificates.AdminClient);
        Assert.Equal(["/"], (await admin.RunAsync("vhost list")).Select(v => (string)v["name"]!));
        Assert.Equal(["/"], (await admin.RunAsync("permission list")).Select(p => (string)p["vhost"]!));
        Assert.Empty(await admin.RunAsync("policy list"));
        Assert.Empty(await admin.RunAsync("address list"));
        await admin.RunAsync("vhost add", """{"vhost":"shop"}"""); // begins with nothing
        var vhost = Assert.Single(await admin.RunAsync("vhost show", """{"vhost":"shop"}"""));
        Assert.Equal((0, null, ""), ((int)vhost["queues"]!, (int?)vhost["maxQueues"], (string)vhost["description"]!));
        Assert.Empty(await CustomExchangesAsync(admin, "shop"));
        Assert.Empty(await admin.RunAsync("binding list", """{"vhost":"shop"}"""));
        await admin.RunAsync("vhost delete", """{"vhost":"shop"}""");
    }

    private static async Task<List<string>> CustomExchangesAsync(WireAdmin admin, string vhost) =>
        [.. (await admin.RunAsync("exchange list", $$"""{"vhost":"{{vhost}}"}""")).Select(e => (string)e["name"]!).Where(n => n.Length > 0 && !n.StartsWith("amq.", StringComparison.Ordinal))];

    private static string Only(JsonObject row, string member) => (string)Assert.Single(row[member]!.AsArray())!;
}
