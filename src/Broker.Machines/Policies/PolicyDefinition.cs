using System.Diagnostics.CodeAnalysis;
using System.Text;
using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Machines.Policies;

/// <summary>What a policy says: the arguments of queues without their <c>x-</c>, and <c>alternate-exchange</c> for exchanges.</summary>
public sealed class PolicyDefinition : IEquatable<PolicyDefinition>
{
    private const string Alternate = "alternate-exchange";

    /// <summary>Keys of RabbitMQ that change nothing here: where messages and leaders are is the node's and the cluster's affair.</summary>
    private static readonly string[] s_ignored =
    [
        "queue-leader-locator", "queue-mode", "queue-version", "max-in-memory-length", "max-in-memory-bytes", "initial-cluster-size", "target-group-size",
        "stream-max-segment-size-bytes", "dead-letter-strategy",
    ];

    /// <summary>Keys that an operator can bound; each is a number, of which the lower one counts.</summary>
    private static readonly string[] s_ofOperators = ["message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit", "consumer-timeout", "max-age"];

    private static readonly string[] s_ofLogs = ["max-length-bytes", "max-age"];

    private readonly bool _hasOfQueues; // what only queues know
    private readonly bool _hasOfLogs; // what only logs know

    private PolicyDefinition(FieldTable table, QueueArguments queue, string? alternateExchange)
    {
        Table = table;
        Queue = queue;
        AlternateExchange = alternateExchange;
        _hasOfQueues = table.Any(e => e.Key != Alternate && !s_ignored.Contains(e.Key, StringComparer.Ordinal) && !s_ofLogs.Contains(e.Key, StringComparer.Ordinal));
        _hasOfLogs = queue.MaxAge is not null;
    }

    /// <summary>As it was given.</summary>
    public FieldTable Table { get; }

    /// <summary>What it says of queues.</summary>
    public QueueArguments Queue { get; }

    /// <summary>Where exchanges send what they cannot route; <c>null</c> if it does not say.</summary>
    public string? AlternateExchange { get; }

    /// <summary>Reads a definition.</summary>
    /// <param name="table">Its keys and values.</param>
    /// <param name="isOperator">It is that of an operator's policy, which can only set bounds.</param>
    /// <param name="definition">What it says.</param>
    /// <param name="fault">INVALID_ARGUMENT: which key or value is wrong, and what would be right.</param>
    public static bool TryParse(FieldTable table, bool isOperator, [NotNullWhen(true)] out PolicyDefinition? definition, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(table);
        definition = null;
        if (table.Count == 0)
        {
            fault = Invalid($"a policy says something, such as \"max-length\": 1000; known are {Known(isOperator)}");
            return false;
        }

        if (isOperator && table.FirstOrDefault(e => !s_ofOperators.Contains(e.Key, StringComparer.Ordinal)).Key is { } alien)
        {
            fault = Invalid($"an operator policy cannot say '{alien}'; it sets bounds: {Known(isOperator: true)}");
            return false;
        }

        if (table.FirstOrDefault(e => e.Key.StartsWith("ha-", StringComparison.Ordinal)).Key is { } mirroring)
        {
            fault = Invalid($"policy key '{mirroring}' is of classic mirrored queues; in a cluster every durable queue is replicated without a policy");
            return false;
        }

        string? alternate = null;
        if (table.TryGetValue(Alternate, out var value))
        {
            alternate = value.AsText();
            if (alternate is null || Encoding.UTF8.GetByteCount(alternate) > ProtocolLimits.MaxNameBytes || alternate.Any(char.IsControl))
            {
                fault = Invalid($"policy key '{Alternate}' is {value}; it must be the name of an exchange");
                return false;
            }
        }

        var ofQueues = FieldTable.Of(table.Where(e => e.Key != Alternate && !s_ignored.Contains(e.Key, StringComparer.Ordinal)));
        if (!QueueArguments.TryParsePolicy(ofQueues, out var queue, out fault))
        {
            return false;
        }

        definition = new PolicyDefinition(table, queue, alternate);
        return true;
    }

    /// <summary>Whether a queue or log knows everything that is said of queues.</summary>
    public bool Fits(QueueKind kind) => kind == QueueKind.Log ? !_hasOfQueues : !_hasOfLogs;

    /// <inheritdoc/>
    public bool Equals(PolicyDefinition? other) =>
        other is not null && Table.Count == other.Table.Count && Table.All(e => other.Table.TryGetValue(e.Key, out var value) && value == e.Value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PolicyDefinition);

    /// <inheritdoc/>
    public override int GetHashCode() => Table.Count;

    private static string Known(bool isOperator) =>
        string.Join(", ", isOperator ? s_ofOperators : ["message-ttl", "expires", "max-length", "max-length-bytes", "overflow", "dead-letter-exchange", Alternate]);

    private static FrameFault Invalid(string reason) => new(ErrorCode.InvalidArgument, reason);
}
