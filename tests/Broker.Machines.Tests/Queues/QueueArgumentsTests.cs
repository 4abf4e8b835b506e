using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Tests.Queues;

public class QueueArgumentsTests
{
    [Fact]
    public void Everything_that_can_be_said_comes_back_from_a_table()
    {
        var all = new QueueArguments
        {
            Kind = QueueKind.Queue, MessageTtl = 0, Expires = 1, MaxLength = 0, MaxLengthBytes = 5, Overflow = OverflowBehavior.RejectPublishDeadLetter, DeadLetterExchange = "",
            DeadLetterRoutingKey = "k", DeliveryLimit = -1, MaxPriority = 31, SingleActiveConsumer = true, ConsumerTimeout = 1_000, RetryBackoff = RetryBackoff.Exponential, RetryDelay = 5,
            RetryMaxDelay = 6, MessageGroups = true, DeduplicationWindow = 7, DeduplicationSize = 8, Conflate = false,
        };
        var table = all.ToTable();
        Assert.Equal(QueueArguments.Names.Except(["x-max-age"]), table.Select(e => e.Key));
        Assert.True(QueueArguments.TryParse(table, out var parsed, out var fault), fault.Reason);
        Assert.Equal(all, parsed);
        var log = new QueueArguments { Kind = QueueKind.Log, MaxAge = 1_000, MaxLengthBytes = 1 };
        Assert.True(QueueArguments.TryParse(log.ToTable(), out parsed, out fault), fault.Reason);
        Assert.Equal(log, parsed);
        Assert.Empty(QueueArguments.None.ToTable());
    }

    public static TheoryData<string, string, bool> Values => new()
    {
        { "x-queue-type", "classic", true }, { "x-queue-type", "quorum", true }, { "x-queue-type", "stream", true }, { "x-queue-type", "mirrored", false }, { "x-queue-type", "5", false },
        { "x-message-ttl", "0", true }, { "x-message-ttl", "-1", false }, { "x-message-ttl", "3155760000001", false }, { "x-message-ttl", "soon", false }, { "x-message-ttl", "1.5", false },
        { "x-expires", "1", true }, { "x-expires", "0", false },
        { "x-max-length", "0", true }, { "x-max-length", "-1", false }, { "x-max-length-bytes", "9223372036854775807", true }, { "x-max-length-bytes", "true", false },
        { "x-overflow", "drop-head", true }, { "x-overflow", "reject-publish", true }, { "x-overflow", "reject-publish-dlx", true }, { "x-overflow", "block", false },
        { "x-dead-letter-exchange", "", true }, { "x-dead-letter-exchange", "x", true }, { "x-dead-letter-exchange", "1", false }, { "x-dead-letter-exchange", "a\nb", false },
        { "x-delivery-limit", "-1", true }, { "x-delivery-limit", "0", true }, { "x-delivery-limit", "-2", false },
        { "x-max-priority", "1", true }, { "x-max-priority", "31", true }, { "x-max-priority", "0", false }, { "x-max-priority", "32", false },
        { "x-single-active-consumer", "true", true }, { "x-single-active-consumer", "yes", false },
        { "x-consumer-timeout", "0", true }, { "x-consumer-timeout", "1000", true }, { "x-consumer-timeout", "999", false },
        { "x-retry-backoff", "none", true }, { "x-retry-backoff", "linear", true }, { "x-retry-backoff", "fast", false },
        { "x-retry-delay", "1", true }, { "x-retry-delay", "0", false }, { "x-retry-max-delay", "0", false },
        { "x-message-groups", "false", true }, { "x-message-groups", "1", false }, { "x-conflate", "true", true },
        { "x-deduplication-window", "1", true }, { "x-deduplication-window", "0", false }, { "x-deduplication-size", "10000000", true }, { "x-deduplication-size", "10000001", false },
        { "x-queue-leader-locator", "whatever", true }, { "x-queue-mode", "lazy", true }, { "x-quorum-initial-group-size", "3", true },
        { "x-max-in-memory-length", "1", false }, { "max-length", "1", false }, { "X-MAX-LENGTH", "1", false },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_is_taken_if_it_is_in_range_and_refused_by_name_otherwise(string name, string value, bool isRight)
    {
        Assert.Equal(isRight, QueueArguments.TryParse(FieldTable.Of((name, ValueOf(value))), out _, out var fault));
        if (!isRight)
        {
            Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
            Assert.Contains($"'{name}'", fault.Reason, StringComparison.Ordinal);
            Assert.Contains(QueueArguments.Names.Contains(name) ? "must be" : "known are", fault.Reason, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("1000", 1_000L)]
    [InlineData("999", null)]
    [InlineData("1s", 1_000L)]
    [InlineData("2m", 120_000L)]
    [InlineData("3h", 10_800_000L)]
    [InlineData("7D", 604_800_000L)]
    [InlineData("1M", 2_592_000_000L)]
    [InlineData("1Y", 31_536_000_000L)]
    [InlineData("0s", null)]
    [InlineData("1d", null)]
    [InlineData("D", null)]
    [InlineData("", null)]
    [InlineData("-1D", null)]
    [InlineData("99999999999Y", null)]
    [InlineData("3155760001s", null)]
    public void Age_is_a_number_or_has_a_unit(string value, long? milliseconds)
    {
        var parses = QueueArguments.TryParse(FieldTable.Of(("x-queue-type", "log"), ("x-max-age", ValueOf(value))), out var arguments, out _);
        Assert.Equal(milliseconds, parses ? arguments.MaxAge : null);
        Assert.Equal(milliseconds is not null, parses);
    }

    public static TheoryData<string> Conflicts =>
    [
        "x-dead-letter-routing-key=k", "x-conflate=true x-message-groups=true", "x-max-age=1000", "x-queue-type=queue x-max-age=1000", "x-queue-type=log x-max-length=5",
        "x-queue-type=stream x-max-priority=5", "x-queue-type=log x-dead-letter-exchange=x", "x-retry-delay=10 x-retry-max-delay=9",
    ];

    [Theory]
    [MemberData(nameof(Conflicts))]
    public void Arguments_that_contradict_each_other_are_refused(string arguments)
    {
        var table = FieldTable.Of(arguments.Split(' ').Select(a => a.Split('=')).Select(a => KeyValuePair.Create(a[0], ValueOf(a[1]))));
        Assert.False(QueueArguments.TryParse(table, out _, out var fault));
        Assert.Equal(ErrorCode.InvalidArgument, fault.Code);
        Assert.Contains("'x-", fault.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("max-length", "5", true)]
    [InlineData("dead-letter-routing-key", "k", true)] // the exchange may come from the declaration
    [InlineData("max-age", "1h", true)]
    [InlineData("max-length", "-5", false)]
    [InlineData("max-priority", "5", false)]
    [InlineData("queue-type", "log", false)]
    [InlineData("single-active-consumer", "true", false)]
    [InlineData("x-max-length", "5", false)]
    [InlineData("nonsense", "5", false)]
    public void Policy_has_the_names_without_their_prefix_and_not_what_is_fixed(string name, string value, bool isRight)
    {
        Assert.Equal(isRight, QueueArguments.TryParsePolicy(FieldTable.Of((name, ValueOf(value))), out var arguments, out var fault));
        Assert.Equal(isRight, arguments != QueueArguments.None);
        Assert.True(isRight || fault.Reason.Contains($"'{name}'", StringComparison.Ordinal), fault.Reason);
    }

    private static FieldValue ValueOf(string text) => text switch
    {
        "true" => true,
        "false" => false,
        "1.5" => 1.5,
        _ when long.TryParse(text, out var number) => number,
        _ => text,
    };
}
