using Broker.Machines.Access;
using Broker.Machines.Queues;

namespace Broker.Machines.Policies;

/// <summary>What a policy is for.</summary>
public enum PolicyTarget : byte
{
    /// <summary><c>all</c>: queues, logs and exchanges.</summary>
    All = 0,

    /// <summary><c>queues</c>: queues and logs.</summary>
    Queues = 1,

    /// <summary><c>classic_queues</c> and <c>quorum_queues</c>: queues that are no logs.</summary>
    PlainQueues = 2,

    /// <summary><c>logs</c> and <c>streams</c>.</summary>
    Logs = 3,

    /// <summary><c>exchanges</c>.</summary>
    Exchanges = 4,
}

/// <summary>Settings for the queues and exchanges of a vhost whose names match a pattern.</summary>
public sealed record Policy
{
    /// <summary>The vhost.</summary>
    public required string Vhost { get; init; }

    /// <summary>Its name, unique among those of its kind in the vhost.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is an operator's: a bound that neither a declaration nor another policy can exceed.</summary>
    public bool IsOperator { get; init; }

    /// <summary>Names within the vhost that it is for.</summary>
    public required NamePattern Pattern { get; init; }

    /// <summary>What it is for, as it was given.</summary>
    public required string ApplyTo { get; init; }

    /// <summary>Of those that match, the one with the highest priority counts, alone. Default 0.</summary>
    public int Priority { get; init; }

    /// <summary>What it says.</summary>
    public required PolicyDefinition Definition { get; init; }

    /// <summary>What it is for.</summary>
    public PolicyTarget Target => TryParseTarget(ApplyTo, out var target) ? target : PolicyTarget.All;

    /// <summary>Finds what a policy is for by RabbitMQ's names, and <c>logs</c>.</summary>
    public static bool TryParseTarget(string name, out PolicyTarget target)
    {
        (var known, target) = name switch
        {
            "all" => (true, PolicyTarget.All),
            "queues" => (true, PolicyTarget.Queues),
            "classic_queues" or "quorum_queues" => (true, PolicyTarget.PlainQueues),
            "streams" or "logs" => (true, PolicyTarget.Logs),
            "exchanges" => (true, PolicyTarget.Exchanges),
            _ => (false, PolicyTarget.All),
        };
        return known;
    }

    /// <summary>Whether it is for a queue. One that says what such a queue does not know is not, as in RabbitMQ: it would be in force by half.</summary>
    public bool IsForQueue(string name, QueueKind kind) =>
        Target switch
        {
            PolicyTarget.PlainQueues => kind == QueueKind.Queue,
            PolicyTarget.Logs => kind == QueueKind.Log,
            PolicyTarget.Exchanges => false,
            _ => true,
        }
        && Definition.Fits(kind) && Pattern.Matches(name);

    /// <summary>Whether it is for an exchange.</summary>
    public bool IsForExchange(string name) => Target is PolicyTarget.All or PolicyTarget.Exchanges && Pattern.Matches(name);
}
