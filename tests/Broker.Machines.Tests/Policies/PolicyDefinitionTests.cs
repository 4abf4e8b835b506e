using Broker.Machines.Policies;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Policies;

public sealed class PolicyDefinitionTests
{
    [Fact]
    public void Definition_says_what_arguments_of_queues_say()
    {
        var table = FieldTable.Of(
            ("message-ttl", 60_000), ("max-length", 10), ("overflow", "reject-publish"), ("dead-letter-exchange", "dlx"), ("delivery-limit", 5), ("alternate-exchange", "alt"),
            ("queue-mode", "lazy"));
        Assert.True(PolicyDefinition.TryParse(table, isOperator: false, out var definition, out _));
        Assert.Equal(
            new QueueArguments { MessageTtl = 60_000, MaxLength = 10, Overflow = OverflowBehavior.RejectPublish, DeadLetterExchange = "dlx", DeliveryLimit = 5 }, definition.Queue);
        Assert.Equal(("alt", table), (definition.AlternateExchange, definition.Table));
    }

    [Theory]
    [InlineData("max-length", -1L, "'max-length' is -1; it must be an integer, 0 or more")]
    [InlineData("max-length", "10", "'max-length' is \"10\"; it must be an integer")]
    [InlineData("overflow", "drop", "it must be 'drop-head', 'reject-publish'")]
    [InlineData("ttl", 5L, "'ttl' is unknown; known are message-ttl, expires, max-length,")]
    [InlineData("alternate", "x", "deduplication-size, max-age, alternate-exchange")]
    [InlineData("max-priority", 5L, "give the argument 'x-max-priority' there")]
    [InlineData("alternate-exchange", 5L, "it must be the name of an exchange")]
    [InlineData("ha-mode", "all", "in a cluster every durable queue is replicated")]
    public void Wrong_key_or_value_is_refused_with_what_would_be_right(string key, object value, string says)
    {
        var table = FieldTable.Of((key, value is long number ? number : (FieldValue)(string)value));
        Assert.False(PolicyDefinition.TryParse(table, isOperator: false, out _, out var fault));
        Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
        Assert.Contains(says, fault.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("max-length", true)]
    [InlineData("max-length-bytes", true)]
    [InlineData("message-ttl", true)]
    [InlineData("expires", true)]
    [InlineData("delivery-limit", true)]
    [InlineData("consumer-timeout", true)]
    [InlineData("overflow", false)]
    [InlineData("dead-letter-exchange", false)]
    [InlineData("alternate-exchange", false)]
    public void Operator_sets_bounds_and_nothing_else(string key, bool accepted)
    {
        var table = FieldTable.Of((key, accepted ? 5_000 : "drop-head"));
        Assert.Equal(accepted, PolicyDefinition.TryParse(table, isOperator: true, out _, out var fault));
        Assert.Equal(accepted, fault.Reason is null || !fault.Reason.Contains($"cannot say '{key}'", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Definition_that_says_nothing_is_refused(bool isOperator)
    {
        Assert.False(PolicyDefinition.TryParse(FieldTable.Empty, isOperator, out _, out var fault));
        Assert.Contains("a policy says something", fault.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Order_of_keys_makes_no_difference()
    {
        Assert.True(PolicyDefinition.TryParse(FieldTable.Of(("max-length", 1), ("expires", 2)), isOperator: false, out var one, out _));
        Assert.True(PolicyDefinition.TryParse(FieldTable.Of(("expires", 2), ("max-length", 1)), isOperator: false, out var other, out _));
        Assert.True(PolicyDefinition.TryParse(FieldTable.Of(("expires", 2), ("max-length", 2)), isOperator: false, out var third, out _));
        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
        Assert.NotEqual(one, third);
    }
}
