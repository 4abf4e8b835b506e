using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes.Access;

/// <summary>Policies reach queues and exchanges while they work.</summary>
public sealed class PolicyTests
{
    [Fact]
    public async Task Listings_say_which_policy_applies()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await admin.RunAsync("queue declare", """{"queue":"orders"}""");
        await admin.RunAsync("queue declare", """{"queue":"other"}""");
        await admin.RunAsync("exchange declare", """{"exchange":"orders"}""");
        await SetAsync(admin, "all", "", """{"max-length":10}""", 0);
        await SetAsync(admin, "of-orders", "^orders", """{"max-length":5}""", 7);
        await SetAsync(admin, "alternate", "^orders", """{"alternate-exchange":"amq.fanout"}""", 9, "exchanges");
        await SetAsync(admin, "bound", "^o", """{"max-length":3}""", 0, palette: "operator-policy", applyTo: "queues");
        Assert.Equal(["orders:of-orders:bound", "other:all:bound"], await AppliedAsync(admin));
        Assert.Equal("alternate", (string)(await admin.RunAsync("exchange list")).Single(e => (string)e["name"]! == "orders")["policy"]!);
        var node = (await broker.ServerAsync()).Node;
        Assert.Equal(new QueueArguments { MaxLength = 5 }, node.Policies.For("orders", QueueKind.Queue).Policy);
        Assert.Equal(new QueueArguments { MaxLength = 3 }, node.Policies.For("orders", QueueKind.Queue).OperatorPolicy);
        await admin.RunAsync("policy clear", """{"name":"of-orders"}""");
        await admin.RunAsync("policy clear", """{"name":"of-orders"}""");
        await admin.RunAsync("operator-policy clear", """{"name":"bound"}""");
        Assert.Equal(["orders:all:", "other:all:"], await AppliedAsync(admin));
        Assert.Equal(["all:all:0", "alternate:exchanges:9"], (await admin.RunAsync("policy list")).Select(p => $"{p["name"]}:{p["applyTo"]}:{p["priority"]}"));
    }

    [Fact]
    public async Task Policies_bound_a_queue_that_has_messages_already_and_let_it_grow_again()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.FillDurableAsync("orders", "1", "2", "3", "4", "5");
        await client.FillDurableAsync("other", "1", "2", "3", "4", "5");
        await SetAsync(admin, "p", "^orders$", """{"max-length":3}""", 0);
        await admin.ExpectQueueAsync("orders", ready: 3, unsettled: 0);
        await SetAsync(admin, "o", "^orders$", """{"max-length":2}""", 0, palette: "operator-policy", applyTo: "queues");
        await admin.ExpectQueueAsync("orders", ready: 2, unsettled: 0);
        await SetAsync(admin, "p", "^orders$", """{"max-length":100}""", 0); // more than the operator allows
        await client.FillDurableAsync("orders", "6", "7");
        await using (var consumer = await client.SubscribeAsync("orders"))
        {
            Assert.Equal(["6", "7"], await consumer.ExpectBodiesAsync(2));
        }

        await admin.RunAsync("operator-policy clear", """{"name":"o"}""");
        await client.FillDurableAsync("orders", "8", "9");
        await admin.ExpectQueueAsync("orders", ready: 4, unsettled: 0);
        await admin.ExpectQueueAsync("other", ready: 5, unsettled: 0);
    }

    [Fact]
    public async Task Policy_has_a_queue_dead_letter_while_it_works()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("dlx", "fanout", "", "dead");
        await client.FillDurableAsync("orders", "1", "2");
        await using var consumer = await client.SubscribeAsync("orders", messages: 1);
        var first = await consumer.ExpectDeliveryAsync();
        await SetAsync(admin, "p", "^orders$", """{"dead-letter-exchange":"dlx"}""", 0, "queues");
        await consumer.SettleAsync(SettleOutcome.Reject, new SequenceRange(first.Tag, first.Tag));
        await admin.ExpectQueueAsync("dead", ready: 1, unsettled: 0);
    }

    [Fact]
    public async Task Policy_gives_an_exchange_an_alternate_while_it_works_and_takes_it_back()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("logs", "direct", "known", "known");
        await client.BindAsync("unrouted", "fanout", "", "unrouted");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "logs", "unknown", "before", PublishFlags.Mandatory);
        await publisher.ExpectAsync(FrameType.Return);
        await SetAsync(admin, "p", "^logs$", """{"alternate-exchange":"unrouted"}""", 0, "exchanges");
        await PublishUntilAsync(publisher, "during", FrameType.Confirm, 2);
        await admin.RunAsync("policy clear", """{"name":"p"}""");
        await PublishUntilAsync(publisher, "after", FrameType.Return, 1_000_000);
        await using var consumer = await client.SubscribeAsync("unrouted");
        Assert.Equal("during", (await consumer.ExpectDeliveryAsync()).Text);
    }

    [Fact]
    public async Task Alternate_of_a_policy_holds_for_an_exchange_that_is_declared_later_and_not_for_one_that_names_its_own()
    {
        await using var broker = await BrokerFixture.StartAsync();
        await using var admin = await broker.AdministerAsync();
        await SetAsync(admin, "p", "", """{"alternate-exchange":"by-policy"}""", 0, "exchanges");
        await using var client = await broker.ConnectAsync();
        await client.BindAsync("by-policy", "fanout", "", "policy");
        await client.BindAsync("by-argument", "fanout", "", "argument");
        await admin.RunAsync("exchange declare", """{"exchange":"later","transient":true}""");
        await admin.RunAsync("exchange declare", """{"exchange":"own","transient":true,"alternate":"by-argument"}""");
        await using var publisher = await client.OpenPublisherAsync();
        await publisher.PublishAsync(1, "later", "k", "later");
        await publisher.PublishAsync(2, "own", "k", "own");
        await publisher.ExpectConfirmsAsync(2);
        await admin.ExpectQueueAsync("policy", ready: 1, unsettled: 0);
        await admin.ExpectQueueAsync("argument", ready: 1, unsettled: 0);
    }

    /// <summary>Publishes until the answer is as it should be: a policy is in force at an exchange soon after the command is answered.</summary>
    private static async Task PublishUntilAsync(WireStream publisher, string body, FrameType expected, ulong first)
    {
        var sequence = first;
        await WireAdmin.UntilAsync(
            async () =>
            {
                await publisher.PublishAsync(sequence++, "logs", "unknown", body, PublishFlags.Mandatory);
                return (await publisher.ReadAsync())!.Value.Type;
            },
            type => type == expected,
            $"{expected} for a message that no binding matches");
    }

    private static Task<List<System.Text.Json.Nodes.JsonObject>> SetAsync(
        WireAdmin admin, string name, string pattern, string definition, int priority, string applyTo = "all", string palette = "policy") => admin.RunAsync(
        $"{palette} set",
        new System.Text.Json.Nodes.JsonObject { ["name"] = name, ["pattern"] = pattern, ["definition"] = definition, ["priority"] = priority, ["apply-to"] = applyTo }.ToJsonString());

    private static async Task<List<string>> AppliedAsync(WireAdmin admin) => [.. (await admin.RunAsync("queue list")).Select(q => $"{q["name"]}:{q["policy"]}:{q["operatorPolicy"]}")];
}
