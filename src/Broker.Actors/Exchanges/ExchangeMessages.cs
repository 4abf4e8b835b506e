using Broker.Actors.Topology;
using Broker.Machines.Topology;

namespace Broker.Actors.Exchanges;

/// <summary>What an <see cref="ExchangeActor"/> is told, always by the topology. Answer to each: <see cref="ExchangeDone"/>.</summary>
internal abstract record ExchangeMessage(long OperationId)
{
    /// <summary>Be there.</summary>
    public sealed record Start(long OperationId, ExchangeDefinition Definition) : ExchangeMessage(OperationId);

    /// <summary>Route to a queue or exchange from now on.</summary>
    public sealed record Bind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>Route no more to it.</summary>
    public sealed record Unbind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>End.</summary>
    public sealed record Remove(long OperationId) : ExchangeMessage(OperationId);

    /// <summary>Answer when everything that was told before is in force. Nothing else.</summary>
    public sealed record Settle(long OperationId) : ExchangeMessage(OperationId);

    /// <summary>To one that does not know: be there, with these bindings, and no others.</summary>
    public sealed record Restore(long OperationId, ExchangeDefinition Definition, IReadOnlyList<Binding> Bindings) : ExchangeMessage(OperationId)
    {
        /// <summary>What an exchange that does not know what it is is told: how it is declared, or that it is gone.</summary>
        public static ExchangeMessage Of(TopologyMachine topology, TopologyMessage.ExchangeUnknown asked) => topology.TryGetExchange(asked.Exchange, out var definition)
            ? new Restore(asked.LostOperationId, definition, [.. topology.BindingsOf(asked.Exchange)])
            : new Remove(asked.LostOperationId);
    }
}

/// <summary>By the directory of policies: what they say of the exchange may be something else now. No answer.</summary>
internal sealed record ExchangePolicies
{
    public static readonly ExchangePolicies Changed = new();
}

/// <summary>The change is visible to every publish that starts after this.</summary>
internal sealed record ExchangeDone(long OperationId);
