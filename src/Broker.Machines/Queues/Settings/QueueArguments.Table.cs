using System.Globalization;
using Broker.Protocol;

namespace Broker.Machines.Queues;

/// <summary>What is said of a queue as a table of arguments: on the wire, in the metadata, in files of definitions.</summary>
public sealed partial record QueueArguments
{
    private const string Prefix = "x-";

    /// <summary>Names that RabbitMQ has and that change nothing here: where a queue's leader is, and how many replicas it has, is the cluster's affair.</summary>
    private static readonly string[] s_ignored = ["x-queue-leader-locator", "x-queue-mode", "x-quorum-initial-group-size", "x-initial-cluster-size", "x-stream-max-segment-size-bytes"];

    private static readonly string[] s_notByPolicy = ["x-queue-type", "x-max-priority", "x-single-active-consumer", "x-message-groups", "x-conflate"];

    private static readonly string[] s_ofLogs = ["x-queue-type", "x-max-length-bytes", "x-max-age"];

    /// <summary>All names that mean something, in the order in which a table lists them.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "x-queue-type", "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-delivery-limit",
        "x-max-priority", "x-single-active-consumer", "x-consumer-timeout", "x-retry-backoff", "x-retry-delay", "x-retry-max-delay", "x-message-groups", "x-deduplication-window",
        "x-deduplication-size", "x-conflate", "x-max-age",
    ];

    private static IEnumerable<string> KnownByPolicy => Names.Except(s_notByPolicy, StringComparer.Ordinal).Select(n => n[Prefix.Length..]).Append("alternate-exchange");

    /// <summary>Reads the arguments of a declaration.</summary>
    /// <param name="table">The arguments with their names as RabbitMQ has them.</param>
    /// <param name="arguments">What they say.</param>
    /// <param name="fault">INVALID_ARGUMENT: which one is wrong, and what would be right.</param>
    public static bool TryParse(FieldTable table, out QueueArguments arguments, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(table);
        arguments = None;
        foreach (var (name, value) in table)
        {
            if (!s_ignored.Contains(name, StringComparer.Ordinal) && !TrySet(ref arguments, name, value, "queue argument", out fault))
            {
                return false;
            }
        }

        fault = Conflict(arguments) is { } conflict ? new FrameFault(ErrorCode.InvalidArgument, conflict) : default;
        return fault.Reason is null;
    }

    /// <summary>Reads what a policy says of queues: the same names without <c>x-</c>. What contradicts itself only together with a declaration is not looked at.</summary>
    /// <param name="definition">The policy's entries for queues.</param>
    /// <param name="arguments">What they say.</param>
    /// <param name="fault">INVALID_ARGUMENT: which one is wrong, and what would be right.</param>
    public static bool TryParsePolicy(FieldTable definition, out QueueArguments arguments, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(definition);
        arguments = None;
        fault = default;
        foreach (var (key, value) in definition)
        {
            var name = Prefix + key;
            if (s_notByPolicy.Contains(name, StringComparer.Ordinal))
            {
                fault = Invalid($"policy key '{key}' is fixed when a queue is declared; give the argument '{name}' there");
                return false;
            }

            if (!TrySet(ref arguments, name, value, "policy key", out fault))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same as a table, in the order of <see cref="Names"/>; what is not said is left out.</summary>
    public FieldTable ToTable() => FieldTable.Of(Names.Select(n => KeyValuePair.Create(n, ValueOf(n))).Where(e => e.Value.Kind != FieldKind.Null));

    /// <summary>What differs, in what it comes to, between a queue that exists and another declaration of it; <c>null</c> if nothing does.</summary>
    public string? DifferenceTo(QueueArguments declared)
    {
        ArgumentNullException.ThrowIfNull(declared);
        var (one, other) = (WithDefaults(), declared.WithDefaults());
        foreach (var name in Names)
        {
            var (has, asked) = (one.ValueOf(name), other.ValueOf(name));
            if (has != asked)
            {
                return has.Kind == FieldKind.Null ? $"has no '{name}', not {asked}" : asked.Kind == FieldKind.Null ? $"has '{name}' {has}, not none" : $"has '{name}' {has}, not {asked}";
            }
        }

        return null;
    }

    /// <summary>Saying what holds anyway is not saying anything else.</summary>
    private QueueArguments WithDefaults() => this with
    {
        Kind = Kind ?? QueueKind.Queue,
        Overflow = Overflow ?? OverflowBehavior.DropHead,
        SingleActiveConsumer = SingleActiveConsumer ?? false,
        RetryBackoff = RetryBackoff ?? Queues.RetryBackoff.None,
        MessageGroups = MessageGroups ?? false,
        Conflate = Conflate ?? false,
    };

    private FieldValue ValueOf(string name) => name switch
    {
        "x-queue-type" => Of(Kind, k => k == QueueKind.Log ? "log" : "queue"),
        "x-message-ttl" => Of(MessageTtl),
        "x-expires" => Of(Expires),
        "x-max-length" => Of(MaxLength),
        "x-max-length-bytes" => Of(MaxLengthBytes),
        "x-overflow" => Of(Overflow, o => o switch { OverflowBehavior.RejectPublish => "reject-publish", OverflowBehavior.RejectPublishDeadLetter => "reject-publish-dlx", _ => "drop-head" }),
        "x-dead-letter-exchange" => Of(DeadLetterExchange),
        "x-dead-letter-routing-key" => Of(DeadLetterRoutingKey),
        "x-delivery-limit" => Of(DeliveryLimit),
        "x-max-priority" => Of(MaxPriority),
        "x-single-active-consumer" => Of(SingleActiveConsumer),
        "x-consumer-timeout" => Of(ConsumerTimeout),
        "x-retry-backoff" => Of(RetryBackoff, b => b switch { Queues.RetryBackoff.Linear => "linear", Queues.RetryBackoff.Exponential => "exponential", _ => "none" }),
        "x-retry-delay" => Of(RetryDelay),
        "x-retry-max-delay" => Of(RetryMaxDelay),
        "x-message-groups" => Of(MessageGroups),
        "x-deduplication-window" => Of(DeduplicationWindow),
        "x-deduplication-size" => Of(DeduplicationSize),
        "x-conflate" => Of(Conflate),
        "x-max-age" => Of(MaxAge),
        _ => throw new InvariantViolationException($"queue argument {name}"),
    };

    private static FieldValue Of(long? value) => value is { } number ? number : FieldValue.Null;

    private static FieldValue Of(bool? value) => value is { } truth ? truth : FieldValue.Null;

    private static FieldValue Of(string? value) => value is null ? FieldValue.Null : value;

    private static FieldValue Of<T>(T? value, Func<T, string> nameOf)
        where T : struct => value is { } one ? nameOf(one) : FieldValue.Null;

    private static bool TrySet(ref QueueArguments to, string name, FieldValue value, string what, out FrameFault fault)
    {
        const long Longest = (long)ProtocolLimits.MaxDurationMs;
        var shown = what == "policy key" ? name[Prefix.Length..] : name;
        var (number, text, truth) = (value.AsInteger(), value.AsText(), value.AsBoolean());
        QueueArguments? set = name switch
        {
            "x-queue-type" => text switch
            {
                "queue" or "classic" or "quorum" => to with { Kind = QueueKind.Queue },
                "log" or "stream" => to with { Kind = QueueKind.Log },
                _ => null,
            },
            "x-message-ttl" => number is >= 0 and <= Longest ? to with { MessageTtl = number } : null,
            "x-expires" => number is >= 1 and <= Longest ? to with { Expires = number } : null,
            "x-max-length" => number >= 0 ? to with { MaxLength = number } : null,
            "x-max-length-bytes" => number >= 0 ? to with { MaxLengthBytes = number } : null,
            "x-overflow" => text switch
            {
                "drop-head" => to with { Overflow = OverflowBehavior.DropHead },
                "reject-publish" => to with { Overflow = OverflowBehavior.RejectPublish },
                "reject-publish-dlx" => to with { Overflow = OverflowBehavior.RejectPublishDeadLetter },
                _ => null,
            },
            "x-dead-letter-exchange" => IsName(text) ? to with { DeadLetterExchange = text } : null,
            "x-dead-letter-routing-key" => IsName(text) ? to with { DeadLetterRoutingKey = text } : null,
            "x-delivery-limit" => number >= -1 ? to with { DeliveryLimit = number } : null,
            "x-max-priority" => number is >= 1 and <= 31 ? to with { MaxPriority = (int)number } : null,
            "x-single-active-consumer" => truth is not null ? to with { SingleActiveConsumer = truth } : null,
            "x-consumer-timeout" => number is 0 or (>= 1_000 and <= Longest) ? to with { ConsumerTimeout = number } : null,
            "x-retry-backoff" => text switch
            {
                "none" => to with { RetryBackoff = Queues.RetryBackoff.None },
                "linear" => to with { RetryBackoff = Queues.RetryBackoff.Linear },
                "exponential" => to with { RetryBackoff = Queues.RetryBackoff.Exponential },
                _ => null,
            },
            "x-retry-delay" => number is >= 1 and <= Longest ? to with { RetryDelay = number } : null,
            "x-retry-max-delay" => number is >= 1 and <= Longest ? to with { RetryMaxDelay = number } : null,
            "x-message-groups" => truth is not null ? to with { MessageGroups = truth } : null,
            "x-deduplication-window" => number is >= 1 and <= Longest ? to with { DeduplicationWindow = number } : null,
            "x-deduplication-size" => number is >= 1 and <= 10_000_000 ? to with { DeduplicationSize = (int)number } : null,
            "x-conflate" => truth is not null ? to with { Conflate = truth } : null,
            "x-max-age" => (number ?? AgeOf(text)) is >= 1_000 and <= Longest and var age ? to with { MaxAge = age } : null,
            _ => null,
        };
        fault = set is not null ? default
            : Names.Contains(name, StringComparer.Ordinal) ? Invalid($"{what} '{shown}' is {value}; it must be {Wanted(name)}")
            : Invalid($"{what} '{shown}' is unknown; known are {string.Join(", ", what == "policy key" ? KnownByPolicy : Names)}");
        to = set ?? to;
        return set is not null;
    }

    private static string Wanted(string name) => name switch
    {
        "x-queue-type" => "'queue' ('classic', 'quorum') or 'log' ('stream')",
        "x-overflow" => "'drop-head', 'reject-publish' or 'reject-publish-dlx'",
        "x-dead-letter-exchange" or "x-dead-letter-routing-key" => $"a text of at most {ProtocolLimits.MaxNameBytes} bytes without control characters",
        "x-delivery-limit" => "an integer, 0 or more, or -1 for no limit",
        "x-max-priority" => "an integer, 1 to 31",
        "x-single-active-consumer" or "x-message-groups" or "x-conflate" => "true or false",
        "x-consumer-timeout" => "an integer, milliseconds, 1000 or more, or 0 for no limit",
        "x-retry-backoff" => "'none', 'linear' or 'exponential'",
        "x-deduplication-size" => "an integer, 1 to 10000000",
        "x-max-age" => "milliseconds, 1000 or more, or a text such as '7D': a whole number and Y, M, D, h, m or s",
        "x-max-length" or "x-max-length-bytes" => "an integer, 0 or more",
        "x-message-ttl" => $"an integer, milliseconds, 0 to {ProtocolLimits.MaxDurationMs}",
        _ => $"an integer, milliseconds, 1 to {ProtocolLimits.MaxDurationMs}",
    };

    private static string? Conflict(QueueArguments a)
    {
        if (a.Kind == QueueKind.Log)
        {
            return Names.FirstOrDefault(n => a.ValueOf(n).Kind != FieldKind.Null && !s_ofLogs.Contains(n, StringComparer.Ordinal)) is { } alien
                ? $"queue argument '{alien}' is not for logs ('x-queue-type'); logs have {string.Join(", ", s_ofLogs)}"
                : null;
        }

        return a.MaxAge is not null ? "queue argument 'x-max-age' is for logs; set 'x-queue-type' to 'log', or use 'x-message-ttl'"
            : a is { DeadLetterRoutingKey: not null, DeadLetterExchange: null } ? "queue argument 'x-dead-letter-routing-key' needs 'x-dead-letter-exchange'"
            : a is { Conflate: true, MessageGroups: true } ? "queue arguments 'x-conflate' and 'x-message-groups' exclude each other"
            : a is { RetryDelay: { } first, RetryMaxDelay: { } longest } && longest < first ? $"queue argument 'x-retry-max-delay' is {longest}; it must be 'x-retry-delay' ({first}) or more"
            : null;
    }

    private static bool IsName(string? text) => text is not null && System.Text.Encoding.UTF8.GetByteCount(text) <= ProtocolLimits.MaxNameBytes && !text.Any(char.IsControl);

    /// <summary>A number with a unit, as RabbitMQ has it for streams.</summary>
    private static long? AgeOf(string? text)
    {
        if (text is not [.. var digits, var unit] || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > (long)ProtocolLimits.MaxDurationMs / 1_000)
        {
            return null;
        }

        long? seconds = unit switch { 'Y' => 365 * 86_400, 'M' => 30 * 86_400, 'D' => 86_400, 'h' => 3_600, 'm' => 60, 's' => 1, _ => null };
        return count * seconds * 1_000;
    }

    private static FrameFault Invalid(string reason) => new(ErrorCode.InvalidArgument, reason);
}
