using Broker.Protocol;

namespace Broker.Client;

/// <summary>How to declare an exchange. Immutable.</summary>
public sealed record ExchangeOptions
{
    /// <summary>
    /// The exchange survives a restart or crash of the node, and with it its bindings to durable queues. Default <c>true</c>; <c>false</c>: it is lost with the
    /// node's process.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>Deleted when its last binding goes. Default <c>false</c>.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Takes messages from other exchanges only. Default <c>false</c>.</summary>
    public bool Internal { get; init; }

    /// <summary>Only ask whether it exists. Default <c>false</c>.</summary>
    public bool Passive { get; init; }

    /// <summary>Arguments of the exchange's type. Default: none.</summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal DeclareExchangeFlags Flags =>
        (Durable ? DeclareExchangeFlags.Durable : 0)
        | (AutoDelete ? DeclareExchangeFlags.AutoDelete : 0)
        | (Internal ? DeclareExchangeFlags.Internal : 0)
        | (Passive ? DeclareExchangeFlags.Passive : 0);
}
