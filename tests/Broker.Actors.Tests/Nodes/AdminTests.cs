using System.Text;
using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>The commands of an administrator (docs/protocol.md, section 10).</summary>
public sealed class AdminTests
{
    [Fact]
    public async Task Certificate_without_the_admin_role_is_refused_before_it_asks_anything()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var client = await broker.ConnectAsync();
        var admin = await client.OpenAsync(StreamKind.Admin);
        await admin.ExpectFaultAsync(ErrorCode.AccessRefused);
        await client.DeclareQueueAsync("orders");
    }

    [Fact]
    public async Task Catalog_describes_every_command()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var catalog = await admin.RunAsync("catalog");
        var names = catalog.Select(c => (string)c["command"]!).ToList();
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        string[] expected =
        [
            "actor hierarchy", "address list", "address release", "binding declare", "binding delete", "binding list", "catalog", "cluster down", "cluster join",
            "cluster leave", "cluster show", "cluster tail", "cluster-sharding list", "cluster-sharding move", "cluster-sharding rebalance", "cluster-sharding region-stats",
            "connection close", "connection list", "definitions export", "definitions import", "exchange declare", "exchange delete", "exchange list", "node drain",
            "node resume", "operator-policy clear", "operator-policy list", "operator-policy set", "permission clear", "permission list", "permission set", "policy clear",
            "policy list", "policy set", "queue declare", "queue delayed", "queue delete", "queue list", "queue pause", "queue peek", "queue purge", "queue resume",
            "queue show", "shard show", "store quarantine export", "store quarantine list", "store show", "store verify", "stream list", "topic-permission clear",
            "topic-permission list", "topic-permission set", "user disable", "user enable", "user limit", "user list", "vhost add", "vhost delete", "vhost limit",
            "vhost list", "vhost show",
        ];
        Assert.Empty(expected.Except(names));
        Assert.All(catalog, c => Assert.NotEmpty((string)c["description"]!));
        Assert.Equal(["cluster tail"], catalog.Where(c => (bool)c["follows"]!).Select(c => (string)c["command"]!));
        var peek = catalog.Single(c => (string)c["command"]! == "queue peek")["arguments"]!.AsArray();
        Assert.Equal(["positional", "option", "option"], peek.Select(a => (string)a!["kind"]!));
        Assert.Equal([true, false, false], peek.Select(a => (bool)a!["required"]!));
        foreach (var declare in new[] { "queue declare", "exchange declare" })
        {
            var arguments = catalog.Single(c => (string)c["command"]! == declare)["arguments"]!.AsArray();
            Assert.Equal("flag", (string)arguments.Single(a => (string)a!["name"]! == "transient")!["kind"]!);
        }
    }

    [Fact]
    public async Task What_is_declared_is_durable_unless_it_is_to_be_transient()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("exchange declare", """{"exchange":"kept"}""");
        await admin.RunAsync("exchange declare", """{"exchange":"passing","transient":true}""");
        await admin.RunAsync("queue declare", """{"queue":"kept","transient":false}""");
        await admin.RunAsync("queue declare", """{"queue":"passing","transient":true}""");
        foreach (var palette in new[] { "exchange", "queue" })
        {
            var listed = (await admin.RunAsync($"{palette} list")).Where(r => ((string)r["name"]!).Contains("amq", StringComparison.Ordinal) is false && (string)r["name"]! != "");
            Assert.Equal(["kept:true", "passing:false"], listed.Select(r => $"{r["name"]}:{r["durable"]}"));
            await admin.RefusedAsync(ErrorCode.PreconditionFailed, $"{palette} declare", $$"""{"{{palette}}":"kept","transient":true}""");
            await admin.RefusedAsync(ErrorCode.PreconditionFailed, $"{palette} declare", $$"""{"{{palette}}":"passing"}""");
            await admin.RefusedAsync(ErrorCode.InvalidArgument, $"{palette} declare", $$"""{"{{palette}}":"other","transient":"yes"}""");
        }
    }

    [Fact]
    public async Task Queues_are_listed_with_what_they_have_and_where_it_is()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.FillDurableAsync("kept", "1", "2", "3");
        await ConsumeTests.FillAsync(admin.Connection, "passing", 2);
        await using var consumer = await admin.Connection.SubscribeAsync("kept", messages: 1);
        await consumer.ExpectBodiesAsync(1);
        await admin.ExpectQueueAsync("kept", ready: 2, unsettled: 1);
        var size = MessageWriter.Size("", "kept", null, 1);
        var kept = await admin.QueueAsync("kept");
        Assert.Equal((true, 1, 3 * size, 3 * size), ((bool)kept!["durable"]!, (int)kept["consumers"]!, (int)kept["bytes"]!, (int)kept["bytesInMemory"]!));
        var passing = await admin.QueueAsync("passing");
        Assert.Equal((false, (int)passing!["bytes"]!), ((bool)passing["durable"]!, (int)passing["bytesInMemory"]!));
        Assert.Equal(3 * size + (int)passing["bytes"]!, (int)(await admin.RunAsync("cluster show"))[0]["messageBytes"]!);
    }

    [Fact]
    public async Task Store_shows_the_log_and_what_it_has_done()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.FillDurableAsync("kept", "1");
        var shown = Assert.Single(await admin.RunAsync("store show"));
        Assert.Equal(("running", "", ""), ((string)shown["state"]!, (string)shown["reason"]!, (string)shown["blocked"]!));
        Assert.InRange((int)shown["syncs"]!, 1, 10);
        Assert.InRange((int)shown["records"]!, 1, 10);
        Assert.Equal(1, (int)shown["logFiles"]!);
        Assert.True((long)shown["freeBytes"]! > 0);
        Assert.Equal(0, (int)shown["lostMessages"]!);
        Assert.Empty(await admin.RunAsync("store quarantine list"));
    }

    [Fact]
    public async Task Topology_is_declared_listed_and_deleted()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("exchange declare", """{"exchange":"logs","type":"fanout"}""");
        await admin.RunAsync("exchange declare", """{"exchange":"levels"}""");
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        await admin.RunAsync("binding declare", """{"exchange":"logs","destination":"orders"}""");
        await admin.RunAsync("binding declare", """{"exchange":"levels","destination":"orders","key":"error"}""");

        var exchanges = (await admin.RunAsync("exchange list")).Select(e => $"{e["name"]}:{e["type"]}:{e["bindings"]}");
        Assert.Equal([
            ":direct:0", "amq.direct:direct:0", "amq.fanout:fanout:0", "amq.headers:headers:0", "amq.match:headers:0", "amq.topic:topic:0", "levels:direct:1", "logs:fanout:1",
        ], exchanges);
        var bindings = (await admin.RunAsync("binding list")).Select(b => $"{b["exchange"]}:{b["key"]}:{b["kind"]}:{b["destination"]}");
        Assert.Equal(["levels:error:queue:orders", "logs::queue:orders"], bindings);

        await admin.RunAsync("binding delete", """{"exchange":"levels","destination":"orders","key":"error"}""");
        await admin.RefusedAsync(ErrorCode.PreconditionFailed, "exchange delete", """{"exchange":"logs","if-unused":true}""");
        await admin.RunAsync("queue delete", """{"queue":"orders","if-unused":true,"if-empty":true}""");
        Assert.Empty(await admin.RunAsync("binding list"));
        Assert.Empty(await admin.RunAsync("queue list"));
        await admin.RunAsync("exchange delete", """{"exchange":"logs","if-unused":true}""");
    }

    [Fact]
    public async Task Messages_are_peeked_at_and_purged()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.DeclareQueueAsync("orders");
        await using var publisher = await admin.Connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "text");
        await publisher.SendAsync(
            w => WireStream.WritePublish(w, 2, "", "orders", [0xff, 0x00]),
            w => WireStream.WritePublish(w, 3, "", "orders", Encoding.UTF8.GetBytes(new string('x', 5000))));
        await publisher.ExpectConfirmsAsync(3);

        var rows = await admin.RunAsync("queue peek", """{"queue":"orders"}""");
        Assert.Equal(["text", "FF00", new string('x', 4096)], rows.Select(r => (string)r["body"]!));
        Assert.Equal(["utf-8", "hex", "utf-8"], rows.Select(r => (string)r["encoding"]!));
        Assert.Equal([false, false, true], rows.Select(r => (bool)r["cut"]!));
        Assert.Single(await admin.RunAsync("queue peek", """{"queue":"orders","count":1}"""));
        await admin.ExpectQueueAsync("orders", ready: 3, unsettled: 0);
        Assert.Equal(3, (int)Assert.Single(await admin.RunAsync("queue purge", """{"queue":"orders"}"""))["messages"]!);
        Assert.Empty(await admin.RunAsync("queue peek", """{"queue":"orders"}"""));
    }

    [Fact]
    public async Task Text_that_is_cut_in_a_character_is_still_text()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.Connection.DeclareQueueAsync("orders");
        await using var publisher = await admin.Connection.OpenPublisherAsync();
        await publisher.PublishAsync(1, "", "orders", "x" + new string('ä', 3000));
        await publisher.ExpectConfirmsAsync(1);
        var row = Assert.Single(await admin.RunAsync("queue peek", """{"queue":"orders"}"""));
        Assert.Equal(("utf-8", "x" + new string('ä', 2047), true), ((string)row["encoding"]!, (string)row["body"]!, (bool)row["cut"]!));
    }

    [Fact]
    public async Task Connections_are_listed_and_closed()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.DeclareQueueAsync("orders");
        await using var consumer = await client.SubscribeAsync("orders");
        var id = (long)client.Welcome!.ConnectionId;
        var rows = await admin.RunAsync("connection list");
        var row = rows.Single(r => (long)r["id"]! == id);
        Assert.Equal(("client", "test", "broker/1"), ((string)row["user"]!, (string)row["client"]!, (string)row["protocol"]!));
        Assert.Contains(row["streamDetails"]!.AsArray(), s => (string)s!["kind"]! == "consume");
        Assert.Equal(2, (int)(await admin.RunAsync("cluster show"))[0]["connections"]!);

        await admin.RunAsync("connection close", $$"""{"id":{{id}},"reason":"enough"}""");
        var closed = await client.ClosedAsync();
        Assert.Equal(((long?)ErrorCode.Cancelled, "enough"), (closed.ErrorCode, closed.Reason));
        await WireAdmin.UntilAsync(() => admin.RunAsync("connection list"), list => list.Count == 1, "the connection to be gone from the list");
        await admin.RefusedAsync(ErrorCode.NotFound, "connection close", $$"""{"id":{{id}}}""");
    }

    [Fact]
    public async Task Hierarchy_can_be_cut_at_a_path_and_a_depth()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        var all = await admin.RunAsync("actor hierarchy");
        Assert.Contains(all, a => ((string)a["path"]!).EndsWith("/orders", StringComparison.Ordinal));
        var some = await admin.RunAsync("actor hierarchy", """{"start":"/user/queue","depth":1}""");
        Assert.All(some, a => Assert.InRange((int)a["depth"]!, 0, 1));
        Assert.Equal("/user/queue", (string)some[0]["path"]!);
    }

    [Theory]
    [InlineData("no such", "", ErrorCode.NotFound)]
    [InlineData("queue list", """{"queue":"x"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", "", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":null}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":7}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":["a"]}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":"a","queue":"b"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":"amq.x"}""", ErrorCode.AccessRefused)]
    [InlineData("queue declare", "[1]", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", "{", ErrorCode.InvalidArgument)]
    [InlineData("queue delete", """{"queue":"a","if-empty":"yes"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue peek", """{"queue":"absent"}""", ErrorCode.NotFound)]
    [InlineData("queue peek", """{"queue":"absent","count":0}""", ErrorCode.InvalidArgument)]
    [InlineData("queue peek", """{"queue":"absent","count":1.5}""", ErrorCode.InvalidArgument)]
    [InlineData("queue peek", """{"queue":"absent","count":99999999999}""", ErrorCode.InvalidArgument)]
    [InlineData("queue purge", """{"queue":"absent"}""", ErrorCode.NotFound)]
    [InlineData("exchange declare", """{"exchange":"x","type":"topical"}""", ErrorCode.InvalidArgument)]
    [InlineData("exchange declare", """{"exchange":"x","arguments":"{\"nonsense\":1}"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":"x","arguments":"{\"x-max-length\":-1}"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":"x","arguments":"[1]"}""", ErrorCode.InvalidArgument)]
    [InlineData("queue declare", """{"queue":"x","arguments":"{"}""", ErrorCode.InvalidArgument)]
    [InlineData("binding declare", """{"exchange":"amq.fanout","destination":"x","kind":"topic"}""", ErrorCode.InvalidArgument)]
    [InlineData("binding declare", """{"exchange":"absent","destination":"absent"}""", ErrorCode.NotFound)]
    [InlineData("connection close", """{"id":12345678}""", ErrorCode.NotFound)]
    [InlineData("store verify", """{"queue":"absent"}""", ErrorCode.NotFound)]
    [InlineData("store quarantine export", "", ErrorCode.InvalidArgument)]
    [InlineData("store quarantine export", """{"id":1}""", ErrorCode.NotFound)]
    [InlineData("actor hierarchy", """{"start":"/user/nobody"}""", ErrorCode.NotFound)]
    [InlineData("actor hierarchy", """{"start":"nonsense//"}""", ErrorCode.NotFound)]
    public async Task Wrong_command_is_answered_in_words_and_the_stream_goes_on(string command, string json, ErrorCode code)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        Assert.NotEmpty(await admin.RefusedAsync(code, command, json));
        Assert.Single(await admin.RunAsync("cluster show"));
    }

    [Fact]
    public async Task Many_rows_arrive_in_full()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        for (var i = 0; i < 700; i++)
        {
            await admin.RunAsync("queue declare", new JsonObject { ["queue"] = $"q{i:000}" }.ToJsonString());
        }

        Assert.Equal(Enumerable.Range(0, 700).Select(i => $"q{i:000}"), (await admin.RunAsync("queue list")).Select(q => (string)q["name"]!));
    }

    [Theory]
    [InlineData("cluster tail", "")]
    [InlineData("cluster join", "")]
    [InlineData("cluster leave", """{"node":"node-1"}""")]
    [InlineData("node drain", """{"node":"node-1"}""")]
    [InlineData("cluster-sharding list", "")]
    [InlineData("shard show", "")]
    public async Task A_node_by_itself_says_how_it_would_be_one_of_a_cluster(string command, string json)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        Assert.Contains("BROKER_CLUSTER__ETCD", await admin.RefusedAsync(ErrorCode.PreconditionFailed, command, json), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_runs_in_the_regions_of_a_node_is_counted_by_shard()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var before = await CountAsync();
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        await admin.RunAsync("queue declare", """{"queue":"invoices"}""");
        Assert.Equal(before + 2, await CountAsync());

        async Task<int> CountAsync() =>
            (await admin.RunAsync("cluster-sharding region-stats")).Where(r => (string)r["region"]! == "queue").Sum(r => (int)r["entities"]!);
    }
}
