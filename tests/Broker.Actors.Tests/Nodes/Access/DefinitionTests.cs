using System.Text;
using System.Text.Json.Nodes;
using Broker.Actors.Tests.Access;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Nodes.Access;

/// <summary>What is declared and said goes to a file, and comes from one.</summary>
public sealed class DefinitionTests
{
    [Fact]
    public async Task What_was_exported_makes_another_broker_the_same()
    {
        string exported;
        await using (var broker = await BrokerFixture.StartAsync())
        {
            await using var admin = await broker.AdministerAsync();
            await DeclareAsync(admin);
            exported = await ExportAsync(admin);
            var again = await ImportAsync(admin, exported); // nothing is missing
            Assert.Equal(["unchanged"], again.Select(r => (string)r["result"]!).Distinct());
            Assert.Equal(exported, await ExportAsync(admin));
        }

        Assert.DoesNotContain("passing", exported, StringComparison.Ordinal); // what does not outlive the process is in no file
        await using var other = await BrokerFixture.StartAsync();
        await using var there = await other.AdministerAsync();
        var report = await ImportAsync(there, exported);
        Assert.Equal(["added"], report.Where(r => (string)r["section"]! is not ("users" or "vhosts") && (string)r["name"]! != "/").Select(r => (string)r["result"]!).Distinct());
        Assert.Equal(exported, await ExportAsync(there));
    }

    [Fact]
    public async Task File_of_RabbitMQ_is_taken_and_what_cannot_be_is_reported_with_the_reason()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var report = await ImportAsync(admin, RabbitMqDefinitions.Whole);
        Assert.Equal(
            """
            vhosts  / unchanged
            vhosts  shop added
            users  guest not taken: its password is not taken: who shows a certificate with the common name 'guest' is this user; its tags are not taken
            users  worker added: its password is not taken: who shows a certificate with the common name 'worker' is this user
            permissions / guest added
            permissions shop worker refused: write: '^(?!secret)' needs look-around
            permissions shop packer added
            topic_permissions shop worker, events added
            parameters shop federation-upstream origin not taken: there is no federation here
            parameters shop operator_policy bounds added
            parameters shop vhost-limits limits added
            global_parameters  cluster_name not taken: parameters of a whole cluster mean nothing here
            global_parameters  internal_cluster_id not taken: parameters of a whole cluster mean nothing here
            policies shop dlx added
            policies / ha refused: policy key 'ha-mode' is of classic mirrored queues
            exchanges shop events added
            exchanges shop by-region added
            exchanges shop modulus refused: exchange type 'x-modulus-hash' is unknown
            queues shop orders added
            queues shop eu added
            queues shop strange refused: queue argument 'x-something' is unknown
            queues nowhere lost refused: there is no vhost 'nowhere'
            bindings shop events -> orders [order.#] added
            bindings shop by-region -> eu [] added
            bindings shop events -> by-region [#] added
            bindings shop events -> missing [k] refused: there is no queue 'missing'
            """.Split('\n'),
            report.Select(Text));
        var policy = (await admin.RunAsync("queue list", """{"vhost":"shop"}""")).Single(q => (string)q["name"]! == "orders");
        Assert.Equal(("dlx", "bounds"), ((string)policy["policy"]!, (string)policy["operatorPolicy"]!));
        var shop = Assert.Single(await admin.RunAsync("vhost show", """{"vhost":"shop"}"""));
        Assert.Equal((100L, null, "what is sold"), ((long?)shop["maxConnections"], (long?)shop["maxQueues"], (string)shop["description"]!));
        var again = await ImportAsync(admin, RabbitMqDefinitions.Whole);
        Assert.DoesNotContain(again, r => (string)r["result"]! is "added" or "different");
        Assert.Equal(report.Count, again.Count);
    }

    [Fact]
    public async Task File_of_one_vhost_goes_to_the_vhost_that_is_named_and_to_no_other()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("vhost add", """{"vhost":"copy"}""");
        Assert.Equal(["added"], (await ImportAsync(admin, RabbitMqDefinitions.OneVhost, "copy")).Select(r => (string)r["result"]!).Distinct());
        Assert.Equal(["q:short"], (await admin.RunAsync("queue list", """{"vhost":"copy"}""")).Select(q => $"{q["name"]}:{q["policy"]}"));
        Assert.Empty(await admin.RunAsync("queue list"));
        var ofCopy = await ExportAsync(admin, "copy");
        Assert.DoesNotContain("\"/\"", ofCopy, StringComparison.Ordinal);
        var whole = await ImportAsync(admin, RabbitMqDefinitions.Whole, "copy");
        Assert.All(whole, r => Assert.Equal("not taken", (string)r["result"]!));
        Assert.Contains("only vhost 'copy' was asked for", (string)whole[0]["reason"]!, StringComparison.Ordinal);
        await admin.RefusedAsync(ErrorCode.NotFound, "definitions export", """{"vhost":"none"}""");
    }

    [Fact]
    public async Task What_is_there_otherwise_is_reported_and_stays()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await DeclareAsync(admin);
        var before = await ExportAsync(admin);
        var report = await ImportAsync(admin, """
            {"vhosts": [{"name": "shop", "description": "another"}],
             "users": [{"name": "alice", "limits": {"max-connections": 9}}],
             "permissions": [{"user": "alice", "vhost": "shop", "configure": "x", "write": "x", "read": "x"}],
             "topic_permissions": [{"user": "alice", "vhost": "shop", "exchange": "events", "write": "x", "read": "x"}],
             "parameters": [{"component": "vhost-limits", "name": "limits", "vhost": "shop", "value": {"max-queues": 1}},
                            {"component": "operator_policy", "name": "bounds", "vhost": "shop", "value": {"pattern": "x", "definition": {"max-length": 1}}}],
             "policies": [{"name": "short", "vhost": "shop", "pattern": "x", "definition": {"max-length": 1}}],
             "exchanges": [{"name": "events", "vhost": "shop", "type": "fanout", "durable": true}],
             "queues": [{"name": "orders", "vhost": "shop", "durable": true, "arguments": {"x-max-length": 1}}]}
            """);
        Assert.Equal(["different"], report.Select(r => (string)r["result"]!).Distinct());
        Assert.All(report, r => Assert.NotEmpty((string)r["reason"]!));
        Assert.Equal(before, await ExportAsync(admin));
    }

    [Fact]
    public async Task Queue_beyond_the_limit_is_refused_and_not_there_otherwise()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("vhost limit", """{"vhost":"/","max-queues":1}""");
        var report = await ImportAsync(admin, """{"queues":[{"name":"a"},{"name":"b"},{"name":"c"}]}""");
        Assert.Equal(["added", "refused", "refused"], report.Select(r => (string)r["result"]!).Order(StringComparer.Ordinal));
        Assert.All(report.Where(r => (string)r["result"]! == "refused"), r => Assert.Contains("has 1 queues and may have 1", (string)r["reason"]!, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "definitions are a JSON object")]
    [InlineData("[]", "definitions are a JSON object with any of the lists vhosts")]
    [InlineData("""{"queue": []}""", "definitions are a JSON object with any of the lists vhosts")]
    [InlineData("""{"queues": {"name": "q"}}""", "'queues' of the definitions must be a list of objects")]
    [InlineData("""{"queues": ["q"]}""", "'queues' of the definitions must be a list of objects")]
    [InlineData("""{"queues": [], "queues": []}""", "definitions are a JSON object")]
    public async Task What_is_no_file_of_definitions_is_refused(string file, string says)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        Assert.Contains(says, await admin.RefusedAsync(ErrorCode.InvalidArgument, "definitions import", new JsonObject { ["file"] = file }.ToJsonString()), StringComparison.Ordinal);
        var failure = await Assert.ThrowsAsync<FormatException>(() => BrokerFixture.StartAsync(server: o => o with { Definitions = Encoding.UTF8.GetBytes(file.Length > 0 ? file : " ") }));
        Assert.Contains(says, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"queues": [{"vhost": "/"}]}""", "'name' must be a text")]
    [InlineData("""{"queues": [{"name": 5}]}""", "'name' must be a text")]
    [InlineData("""{"queues": [{"name": ""}]}""", "'name' is empty")]
    [InlineData("""{"queues": [{"name": "q", "durable": "yes"}]}""", "'durable' must be true or false")]
    [InlineData("""{"queues": [{"name": "q", "vhost": 1}]}""", "'vhost' must be a text")]
    [InlineData("""{"queues": [{"name": "q", "arguments": {"x-max-length": {"a": 1}}}]}""", "'arguments': ")]
    [InlineData("""{"queues": [{"name": "q", "arguments": 5}]}""", "'arguments': 5 is no JSON object")]
    [InlineData("""{"queues": [{"name": "amq.mine"}]}""", "reserved prefix")]
    [InlineData("""{"bindings": [{"source": "amq.topic", "destination": "q", "destination_type": "stream"}]}""", "must be queue or exchange")]
    [InlineData("""{"policies": [{"name": "p", "pattern": "", "definition": {"max-length": 1}, "priority": "high"}]}""", "'priority' must be an integer")]
    [InlineData("""{"policies": [{"name": "p", "pattern": "", "definition": {}}]}""", "a policy says something")]
    [InlineData("""{"permissions": [{"user": "u", "configure": "", "write": ""}]}""", "'read' must be a text")]
    [InlineData("""{"users": [{"name": ""}]}""", "a user's name has")]
    [InlineData("""{"parameters": [{"component": "vhost-limits", "vhost": "/", "value": 5}]}""", "'value' must be an object")]
    public async Task Definition_that_lacks_something_is_refused_and_the_others_are_taken(string file, string says)
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var definitions = JsonNode.Parse(file)!.AsObject();
        var section = definitions.Single().Key;
        definitions["exchanges"] = new JsonArray(new JsonObject { ["name"] = "good", ["type"] = "direct" });
        var report = await ImportAsync(admin, definitions.ToJsonString());
        var refused = report.Single(r => (string)r["section"]! == section);
        Assert.Equal("refused", (string)refused["result"]!);
        Assert.Contains(says, (string)refused["reason"]!, StringComparison.Ordinal);
        Assert.Equal("added", (string)report.Single(r => (string)r["section"]! == "exchanges")["result"]!);
    }

    [Fact]
    public async Task File_of_the_start_is_there_for_the_first_client_and_is_imported_again_without_effect()
    {
        var disk = new MemoryDisk();
        var heard = new List<string>();
        for (var start = 0; start < 2; start++)
        {
            heard.Clear();
            await using var broker = await BrokerFixture.StartAsync(disk: disk, server: o => o with
            {
                Definitions = Encoding.UTF8.GetBytes(RabbitMqDefinitions.Whole), OnDefinition = (text, isProblem) => heard.Add($"{isProblem}: {text}"),
            });
            await using var admin = await broker.AdministerAsync();
            Assert.Equal(["eu", "orders"], (await admin.RunAsync("queue list", """{"vhost":"shop"}""")).Select(q => (string)q["name"]!));
            Assert.Contains("True: queues 'lost' in vhost 'nowhere': refused: there is no vhost 'nowhere'", heard);
            Assert.Equal(start == 0 ? "False: 15 added, 1 there already, 10 not taken" : "False: 0 added, 15 there already, 11 not taken", heard[^1]);
        }
    }

    [Fact]
    public async Task Thousands_of_queues_are_imported_at_once()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        var end = "with a name that is rather long, so that the file is larger than any other frame may be" + new string('.', 100);
        var queues = Enumerable.Range(0, 2000).Select(i => $$"""{"name":"queue-{{i}} {{end}}"}""");
        var bindings = Enumerable.Range(0, 2000).Select(i => $$"""{"source":"amq.direct","routing_key":"{{i}}","destination":"queue-{{i}} {{end}}"}""");
        var report = await ImportAsync(admin, $$"""{"queues":[{{string.Join(',', queues)}}],"bindings":[{{string.Join(',', bindings)}}]}""");
        Assert.Equal(4000, report.Count(r => (string)r["result"]! == "added"));
    }

    private static async Task DeclareAsync(WireAdmin admin)
    {
        await admin.RunAsync("vhost add", """{"vhost":"shop","description":"what is \"sold\" – é"}""");
        await admin.RunAsync("user disable", """{"user":"bob","reason":"left"}""");
        await admin.RunAsync("user limit", """{"user":"alice","max-connections":3}""");
        await admin.RunAsync("permission set", """{"user":"alice","configure":"","write":".*","read":"^o","vhost":"shop"}""");
        await admin.RunAsync("topic-permission set", """{"user":"alice","exchange":"events","write":"^{username}","read":"","vhost":"shop"}""");
        await admin.RunAsync("vhost limit", """{"vhost":"shop","max-queues":50,"max-connections":7}""");
        await admin.RunAsync("operator-policy set", """{"name":"bounds","pattern":"","definition":"{\"max-length\":100}","vhost":"shop"}""");
        await admin.RunAsync("policy set", """{"name":"short","pattern":"^o","definition":"{\"message-ttl\":5000,\"overflow\":\"reject-publish\"}","vhost":"shop","priority":4}""");
        await admin.RunAsync("exchange declare", """{"exchange":"events","type":"topic","vhost":"shop","alternate":"rest"}""");
        await admin.RunAsync("exchange declare", """{"exchange":"rest","type":"fanout","vhost":"shop","internal":true}""");
        await admin.RunAsync("exchange declare", """{"exchange":"passing","transient":true}""");
        await admin.RunAsync("queue declare", """{"queue":"orders","vhost":"shop","arguments":"{\"x-max-length\":10,\"x-dead-letter-exchange\":\"rest\"}"}""");
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        await admin.RunAsync("queue declare", """{"queue":"passing","transient":true}""");
        await admin.RunAsync("binding declare", """{"exchange":"events","destination":"orders","key":"order.#","vhost":"shop"}""");
        await admin.RunAsync("binding declare", """{"exchange":"events","destination":"rest","kind":"exchange","vhost":"shop"}""");
        await admin.RunAsync("binding declare", """{"exchange":"amq.headers","destination":"orders","arguments":"{\"x-match\":\"any\",\"a\":1}"}""");
        await admin.RunAsync("binding declare", """{"exchange":"amq.fanout","destination":"passing"}""");
    }

    private static async Task<string> ExportAsync(WireAdmin admin, string? vhost = null)
    {
        var lines = await admin.RunAsync("definitions export", vhost is null ? "" : $$"""{"vhost":"{{vhost}}"}""");
        var text = string.Join('\n', lines.Select(l => (string)l["text"]!));
        Assert.NotNull(JsonNode.Parse(text));
        return text;
    }

    private static Task<List<JsonObject>> ImportAsync(WireAdmin admin, string file, string? vhost = null) =>
        admin.RunAsync("definitions import", new JsonObject { ["file"] = file, ["vhost"] = vhost ?? "" }.ToJsonString());

    /// <summary>A line of the report, with as much of the reason as the test is about.</summary>
    private static string Text(JsonObject row)
    {
        var reason = (string)row["reason"]!;
        foreach (var end in new[] { ": the role of administrators", ", a back-reference", "; in a cluster", "; use ", "; known are" })
        {
            reason = reason.Contains(end, StringComparison.Ordinal) ? reason[..reason.IndexOf(end, StringComparison.Ordinal)] : reason;
        }

        return $"{row["section"]} {row["vhost"]} {row["name"]} {row["result"]}{(reason.Length > 0 ? $": {reason}" : "")}";
    }
}
