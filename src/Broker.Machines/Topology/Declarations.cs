using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>What somebody wants an exchange to be.</summary>
/// <param name="Name">Its name with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Type">The name of its kind.</param>
/// <param name="Durable">It outlives the node's process.</param>
/// <param name="Passive">Only asks whether it exists; the rest is not looked at.</param>
public sealed record ExchangeDeclaration(string Name, string Type, bool Durable = true, bool Passive = false)
{
    /// <summary>It is deleted when the last binding from it goes.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Nobody can publish to it.</summary>
    public bool Internal { get; init; }

    /// <summary>See <see cref="ExchangeArguments"/>.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;
}

/// <summary>What somebody wants a queue to be.</summary>
/// <param name="Name">Its name with its vhost (<see cref="EntityName"/>).</param>
/// <param name="Durable">It outlives the node's process, and its messages with it.</param>
/// <param name="Passive">Only asks whether it exists; the rest is not looked at.</param>
public sealed record QueueDeclaration(string Name, bool Durable = true, bool Passive = false)
{
    /// <summary>It is deleted when its last consumer goes.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Only the connection that declares it may use it.</summary>
    public bool Exclusive { get; init; }

    /// <summary>See <see cref="Queues.QueueArguments"/>.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    /// <summary>The connection that declares it, named as owners are; <c>null</c>: the broker or its operator.</summary>
    public string? Asker { get; init; }
}
