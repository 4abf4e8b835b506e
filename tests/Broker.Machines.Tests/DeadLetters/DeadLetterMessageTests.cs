using Broker.Machines.DeadLetters;
using Broker.Machines.Messages;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Protocol;

namespace Broker.Machines.Tests.DeadLetters;

/// <summary>What a message says when it is published again after its death; RabbitMQ's headers and rules.</summary>
public class DeadLetterMessageTests
{
    private const long Now = 1_800_000_000_000;
    private static readonly DeadLetterRoute s_route = new("orders", "dlx", null);

    [Fact]
    public void A_first_death_is_told_in_full()
    {
        var (_, view) = Die(new MessageProperties { MessageId = "m-1", Priority = 7, Headers = FieldTable.Of(("tenant", "a")) }, DeadLetterReason.Rejected, "no such customer");
        Assert.Equal(("dlx", "key", "body"), (view.Exchange, view.Key, view.Body));
        Assert.Equal(("m-1", (byte?)7), (view.Properties.MessageId, view.Properties.Priority));
        Assert.Equal(
            FieldTable.Of(
                ("tenant", "a"),
                ("x-first-death-queue", "orders"),
                ("x-first-death-reason", "rejected"),
                ("x-first-death-exchange", "shop"),
                ("x-last-death-queue", "orders"),
                ("x-last-death-reason", "rejected"),
                ("x-last-death-exchange", "shop"),
                ("x-death", FieldValue.List(FieldValue.List("orders", "rejected", 1, "shop", FieldValue.List("key"), Now - 1000, "no such customer", FieldValue.Null)))),
            view.Properties.Headers);
    }

    [Theory]
    [InlineData(DeadLetterReason.Rejected, "rejected")]
    [InlineData(DeadLetterReason.Expired, "expired")]
    [InlineData(DeadLetterReason.MaxLength, "maxlen")]
    [InlineData(DeadLetterReason.DeliveryLimit, "delivery_limit")]
    public void Reasons_have_the_names_of_RabbitMQ(DeadLetterReason reason, string name) => Assert.Equal(name, Assert.Single(DeathsOf(Die(new MessageProperties(), reason).View)).Reason);

    [Fact]
    public void The_same_death_is_counted_and_others_are_put_before_it()
    {
        var (letter, view) = Die(new MessageProperties(), DeadLetterReason.Rejected, "one");
        view = Die(letter.Message, new DeadLetterRoute("retry", "dlx2", null), DeadLetterReason.Expired, "", out _);
        Assert.Equal(["retry:expired:1", "orders:rejected:1"], DeathsOf(view).Select(Text));
        view = Die(view.Message, s_route, DeadLetterReason.Rejected, "two", out _);
        Assert.Equal(["orders:rejected:2", "retry:expired:1"], DeathsOf(view).Select(Text));
        Assert.Equal(("two", "shop"), (DeathsOf(view)[0].Text, DeathsOf(view)[0].Exchange)); // the exchange of the first time
        view = Die(view.Message, s_route, DeadLetterReason.DeliveryLimit, "", out _);
        Assert.Equal(["orders:delivery_limit:1", "orders:rejected:2", "retry:expired:1"], DeathsOf(view).Select(Text));
        Assert.True(view.Properties.Headers.TryGetValue("x-first-death-reason", out var first));
        Assert.True(view.Properties.Headers.TryGetValue("x-last-death-reason", out var last));
        Assert.Equal(("rejected", "delivery_limit"), (first.AsText(), last.AsText()));
    }

    [Fact]
    public void Expiration_and_delay_do_not_act_again()
    {
        var headers = FieldTable.Of(("x-delay", 5000));
        var (_, view) = Die(new MessageProperties { Expiration = TimeSpan.FromSeconds(5), Delay = TimeSpan.FromSeconds(1), Headers = headers }, DeadLetterReason.Expired);
        Assert.Null(view.Properties.Expiration);
        Assert.Null(view.Properties.Delay);
        Assert.False(view.Properties.Headers.TryGetValue("x-delay", out _));
        Assert.Equal(5000, DeathsOf(view)[0].OriginalExpiration);
        var again = Die(view.Message, s_route, DeadLetterReason.Expired, "", out _);
        Assert.Equal((2L, 5000L), (DeathsOf(again)[0].Count, DeathsOf(again)[0].OriginalExpiration!.Value));
    }

    [Theory]
    [InlineData(null, "key", true)]
    [InlineData("dead", "dead", false)]
    [InlineData("", "", false)]
    public void A_dead_letter_routing_key_takes_the_place_of_all_keys(string? deadKey, string expected, bool keepsCopies)
    {
        var properties = new MessageProperties { Headers = FieldTable.Of(("CC", FieldValue.List("second", "third"))) };
        var (letter, view) = Die(properties, DeadLetterReason.Rejected, route: s_route with { RoutingKey = deadKey });
        Assert.Equal((expected, expected), (letter.RoutingKey, view.Key));
        Assert.Equal(keepsCopies, view.Properties.Headers.TryGetValue("CC", out _));
        Assert.Equal(["key", "second", "third"], DeathsOf(view)[0].RoutingKeys);
    }

    [Fact]
    public void What_is_kept_beside_it_is_as_of_a_message_that_comes_now()
    {
        var meta = new MessageMeta(MessageTraits.Durable | MessageTraits.Special, priority: 9, takenAt: 5);
        var (letter, _) = Die(new MessageProperties { MessageId = "m-1" }, DeadLetterReason.Expired, meta: meta);
        Assert.Equal(new MessageMeta(MessageTraits.Durable, 9, Now), letter.Message.Meta);
        (letter, _) = Die(new MessageProperties { GroupKey = "g" }, DeadLetterReason.Expired, meta: meta);
        Assert.Equal(new MessageMeta(MessageTraits.Durable | MessageTraits.Special, 9, Now), letter.Message.Meta);
    }

    [Theory]
    [InlineData("orders:expired", DeadLetterReason.Expired, "orders", true)] // by itself, straight back
    [InlineData("", DeadLetterReason.Expired, "orders", true)]
    [InlineData("", DeadLetterReason.Expired, "other", false)]
    [InlineData("retry:expired", DeadLetterReason.Expired, "retry", true)]
    [InlineData("work:rejected", DeadLetterReason.Expired, "work", false)] // the usual way to try again later
    [InlineData("retry:expired,work:rejected", DeadLetterReason.MaxLength, "retry", true)]
    [InlineData("work:rejected,retry:expired", DeadLetterReason.Expired, "retry", false)] // somebody has rejected it on the way
    [InlineData("retry:expired", DeadLetterReason.Rejected, "retry", false)]
    [InlineData("retry:delivery_limit", DeadLetterReason.DeliveryLimit, "retry", true)]
    public void A_circle_that_nobody_has_broken_ends(string earlier, DeadLetterReason reason, string target, bool isCycle)
    {
        var deaths = earlier.Length == 0 ? [] : earlier.Split(',').Select(d => new Death(d.Split(':')[0], d.Split(':')[1], 1, "", ["k"], 1, "", null).ToField()).ToArray();
        var headers = deaths.Length == 0 ? FieldTable.Empty : FieldTable.Of(("x-death", FieldValue.List(deaths)));
        Assert.Equal(isCycle, Die(new MessageProperties { Headers = headers }, reason).Letter.IsCycle(target));
    }

    [Fact]
    public void What_is_no_entry_is_passed_over()
    {
        var deaths = FieldValue.List("text", FieldValue.List("queue", "expired"), FieldValue.List("q", "expired", 0, "x", FieldValue.List(), 1, "", FieldValue.Null),
            FieldValue.List("q", "expired", 1, "x", FieldValue.List(5), 1, "", FieldValue.Null), new Death("q", "expired", 3, "x", [], 1, "", null).ToField());
        Assert.Equal(["orders:expired:1", "q:expired:3"], DeathsOf(Die(new MessageProperties { Headers = FieldTable.Of(("x-death", deaths)) }, DeadLetterReason.Expired).View).Select(Text));
        Assert.Equal(["orders:expired:1"], DeathsOf(Die(new MessageProperties { Headers = FieldTable.Of(("x-death", "text")) }, DeadLetterReason.Expired).View).Select(Text));
    }

    [Fact]
    public void Too_long_a_history_loses_its_oldest_part()
    {
        var long200 = new string('q', 200);
        var deaths = Enumerable.Range(0, 266).Select(i => new Death($"{long200}{i}", "rejected", 1, "", ["k"], 1, "", null).ToField()).ToArray();
        var (letter, view) = Die(new MessageProperties { Headers = FieldTable.Of(("x-death", FieldValue.List(deaths))) }, DeadLetterReason.Expired, "text");
        Assert.InRange(DeathsOf(view).Count, 200, 266);
        Assert.Equal("orders:expired:1", Text(DeathsOf(view)[0]));
        Assert.Equal($"{long200}0:rejected:1", Text(DeathsOf(view)[1]));
        Assert.True(letter.IsCycle("orders"));
    }

    [Fact]
    public void A_message_without_room_for_any_history_keeps_what_it_has()
    {
        var headers = FieldTable.Of(("blob", new byte[65_400]));
        var (_, view) = Die(new MessageProperties { Headers = headers }, DeadLetterReason.Rejected);
        Assert.Equal(("dlx", headers), (view.Exchange, view.Properties.Headers));
    }

    private static string Text(Death death) => $"{death.Queue}:{death.Reason}:{death.Count}";

    private static List<Death> DeathsOf(Letter view)
    {
        Assert.True(view.Properties.Headers.TryGetValue("x-death", out var field));
        return [.. field.AsList()!.Select(f => Death.TryRead(f)!)];
    }

    private static (DeadLetterMessage Letter, Letter View) Die(
        MessageProperties properties, DeadLetterReason reason, string text = "", DeadLetterRoute? route = null, MessageMeta meta = default)
    {
        var view = Die(new StoredMessage(TestMessages.Encoded("shop", "key", "body", properties), meta), route ?? s_route, reason, text, out var letter);
        return (letter, view);
    }

    private static Letter Die(StoredMessage message, DeadLetterRoute route, DeadLetterReason reason, string text, out DeadLetterMessage letter)
    {
        letter = DeadLetterMessage.Make(new DeadMessage(1, new QueueEntry(1, message, 1), reason, text, Now - 1000), route, Now);
        Assert.True(MessageView.TryParse(letter.Message.Bytes.Span, out var view, out var fault), fault.Reason);
        Assert.True(MessageProperties.TryRead(view.Properties, out var properties, out fault), fault.Reason);
        return new Letter(
            letter.Message, System.Text.Encoding.UTF8.GetString(view.Exchange), System.Text.Encoding.UTF8.GetString(view.RoutingKey), System.Text.Encoding.UTF8.GetString(view.Body), properties);
    }

    private sealed record Letter(StoredMessage Message, string Exchange, string Key, string Body, MessageProperties Properties);
}
