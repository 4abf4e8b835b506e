using Broker.Machines.Queues;
using Broker.Machines.Topology;

namespace Broker.Machines.Tests.Queues;

public class QueueSettingsTests
{
    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData(5, null, null, 5)]
    [InlineData(5, 3, null, 3)]
    [InlineData(3, 5, null, 3)]
    [InlineData(null, 5, null, 5)]
    [InlineData(5, 4, 6, 4)]
    [InlineData(5, 4, 2, 2)]
    [InlineData(null, null, 2, 2)]
    [InlineData(0, 4, 2, 0)]
    public void Of_limits_the_lowest_counts(int? declared, int? policy, int? cap, int? expected)
    {
        QueueArguments Of(int? limit) => new() { MessageTtl = limit, MaxLength = limit, MaxLengthBytes = limit, Expires = limit };
        var settings = QueueSettings.Of(new QueueDefinition("q") { Arguments = Of(declared) }, Of(policy), Of(cap));
        Assert.Equal([expected, expected, expected, expected], new long?[] { settings.MessageTtl, settings.MaxLength, settings.MaxLengthBytes, settings.Expires }.Select(l => (int?)l));
    }

    [Theory]
    [InlineData(true, null, null, null, 20)]
    [InlineData(false, null, null, null, null)]
    [InlineData(true, 30, null, null, 30)]
    [InlineData(true, -1, null, null, null)]
    [InlineData(true, -1, 7, null, 7)]
    [InlineData(true, null, -1, null, null)]
    [InlineData(true, 30, 7, 5, 5)]
    [InlineData(true, null, null, 50, 20)]
    [InlineData(true, -1, null, 50, 50)]
    [InlineData(false, null, null, 50, 50)]
    [InlineData(true, 3, null, -1, 3)]
    public void The_delivery_limit_is_20_for_durable_queues_unless_said_otherwise(bool durable, int? declared, int? policy, int? cap, int? expected)
    {
        QueueArguments Of(int? limit) => new() { DeliveryLimit = limit };
        Assert.Equal(expected, QueueSettings.Of(new QueueDefinition("q", durable) { Arguments = Of(declared) }, Of(policy), Of(cap)).DeliveryLimit);
    }

    [Theory]
    [InlineData(null, null, null, 1_800_000)]
    [InlineData(0, null, null, null)]
    [InlineData(0, 2_000, null, 2_000)]
    [InlineData(60_000, 0, 90_000, 60_000)]
    [InlineData(0, null, 90_000, 90_000)]
    [InlineData(null, null, 0, 1_800_000)]
    public void The_consumer_timeout_is_30_minutes_unless_said_otherwise(int? declared, int? policy, int? cap, int? expected)
    {
        QueueArguments Of(int? timeout) => new() { ConsumerTimeout = timeout };
        Assert.Equal(expected, QueueSettings.Of(new QueueDefinition("q") { Arguments = Of(declared) }, Of(policy), Of(cap)).ConsumerTimeout);
    }

    [Fact]
    public void Of_what_is_no_limit_the_declaration_counts_before_the_policy()
    {
        var declared = new QueueArguments { Overflow = OverflowBehavior.RejectPublish, RetryBackoff = RetryBackoff.Linear, DeduplicationWindow = 9 };
        var policy = new QueueArguments
        {
            Overflow = OverflowBehavior.DropHead, RetryBackoff = RetryBackoff.Exponential, RetryDelay = 5, RetryMaxDelay = 50, DeduplicationWindow = 3, DeduplicationSize = 7,
            DeadLetterExchange = "",
        };
        var settings = QueueSettings.Of(new QueueDefinition("q") { AutoDelete = true, Arguments = declared }, policy);
        Assert.Equal(
            (OverflowBehavior.RejectPublish, RetryBackoff.Linear, 5L, 50L, 9L, 7, true, true),
            (settings.Overflow, settings.RetryBackoff, settings.RetryDelay, settings.RetryMaxDelay, settings.DeduplicationWindow, settings.DeduplicationSize, settings.DeadLetters,
                settings.AutoDelete));
    }

    [Fact]
    public void What_only_a_declaration_can_say_is_not_asked_of_policies()
    {
        var said = new QueueArguments { MaxPriority = 5, SingleActiveConsumer = true, MessageGroups = true, Conflate = true };
        var plain = QueueSettings.Of(new QueueDefinition("q"), said, said);
        Assert.Equal((0, false, false, false), (plain.MaxPriority, plain.SingleActiveConsumer, plain.MessageGroups, plain.Conflate));
        var settings = QueueSettings.Of(new QueueDefinition("q") { Arguments = said });
        Assert.Equal((5, true, true, true), (settings.MaxPriority, settings.SingleActiveConsumer, settings.MessageGroups, settings.Conflate));
        var machine = new QueueMachine(new QueueLimits(), settings: settings);
        machine.HandleSettings(plain with { MaxLength = 3 });
        Assert.Equal(settings with { MaxLength = 3 }, machine.Settings with { DeliveryLimit = settings.DeliveryLimit });
    }
}
