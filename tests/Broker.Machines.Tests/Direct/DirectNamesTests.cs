using Broker.Machines.Direct;
using Broker.Machines.Queues;
using Broker.Machines.Tests.Messages;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Tests.Direct;

public class DirectNamesTests
{
    [Theory]
    [InlineData(0UL)]
    [InlineData(0xfedc_ba98_7654_3210UL)]
    [InlineData(ulong.MaxValue)]
    public void A_reply_to_names_its_node(ulong node)
    {
        var name = DirectNames.MakeReplyTo(node, "AbC-_9");
        Assert.True(DirectNames.TryGetNode(name, out var found));
        Assert.Equal(node, found);
        Assert.True(DirectNames.IsInbox(name));
        Assert.True(DirectNames.IsInbox(EntityName.Of("shop", name)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("orders")]
    [InlineData("amq.rabbitmq.reply-to")]
    [InlineData("amq.rabbitmq.reply-to.")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdefx")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdeg.token")]
    [InlineData("amq.address.0123456789abcdef.token")]
    public void What_no_broker_has_made_names_none(string name) => Assert.False(DirectNames.TryGetNode(name, out _));

    [Theory]
    [InlineData("", true)]
    [InlineData("a\nb", true)]
    [InlineData("ann", false)]
    [InlineData("ann the 2nd/ΔΣ", false)]
    public void An_address_is_any_text_without_control_characters(string address, bool isWrong) => Assert.Equal(isWrong, DirectNames.Check(address) is { Code: ErrorCode.InvalidArgument });

    [Theory]
    [InlineData("amq.rabbitmq.reply-to", true, true)]
    [InlineData("amq.rabbitmq.reply-to.token", true, false)]
    [InlineData("my-answers", false, false)]
    [InlineData(null, false, false)]
    public void Only_who_asks_for_it_gets_a_reply_to(string? replyTo, bool mayAsk, bool isRewritten)
    {
        var properties = new MessageProperties { ReplyTo = replyTo, CorrelationId = "c-1", Headers = FieldTable.Of(("a", 1)) };
        var message = TestMessages.Encoded("x", "k", "body with amq.rabbitmq.reply-to in it", properties);
        Assert.Equal(mayAsk, ReplyToRewrite.MayAsk(message));
        var rewritten = ReplyToRewrite.TryRewrite(message, "amq.rabbitmq.reply-to.1.2");
        Assert.Equal(isRewritten, rewritten is not null);
        if (rewritten is not null)
        {
            Assert.Equal(TestMessages.Encoded("x", "k", "body with amq.rabbitmq.reply-to in it", properties with { ReplyTo = "amq.rabbitmq.reply-to.1.2" }), rewritten);
        }
    }

    [Fact]
    public void Malformed_messages_are_left_to_others()
    {
        var message = TestMessages.Encoded("x", "k", "body", new MessageProperties { ReplyTo = DirectNames.ReplyTo });
        for (var length = 0; length < message.Length; length++)
        {
            var cut = message.AsSpan(0, length);
            Assert.True(!ReplyToRewrite.MayAsk(cut) || length >= message.Length - 4);
            _ = ReplyToRewrite.TryRewrite(cut, "r");
        }

        byte[][] hostile = [[0xff], [0xc0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0xbf, 0xff, 0xff, 0xff, 0]];
        Assert.All(hostile, h => Assert.False(ReplyToRewrite.MayAsk(h)));
    }

    [Theory]
    [InlineData("node-1@18c2f3a/7", "node-1", 0x18c2f3a, 7)]
    [InlineData("a@b/c@1/2", "a@b/c", 1, 2)]
    public void An_owner_is_read_as_it_is_written(string text, string node, long life, long connection)
    {
        var owner = OwnerName.TryParse(text);
        Assert.Equal(new OwnerName(node, life, connection), owner);
        Assert.Equal(text, owner.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("node-1/7")]
    [InlineData("node-1@/7")]
    [InlineData("node-1@12/")]
    [InlineData("node-1@xyz/7")]
    [InlineData("node-1@1/-7")]
    public void What_is_no_owner_is_none(string text) => Assert.Null(OwnerName.TryParse(text));
}
