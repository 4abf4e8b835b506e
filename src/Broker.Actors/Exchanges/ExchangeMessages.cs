using Broker.Actors.Topology;
using Broker.Machines.Topology;

namespace Broker.Actors.Exchanges;

/// <summary>What an <see cref="ExchangeActor"/> is told, always by the topology. Answer to each: <see cref="ExchangeDone"/>.</summary>
internal abstract record ExchangeMessage(long OperationId)
{
    /// <summary>Be there.</summary>
    public sealed record Start(long OperationId, ExchangeDefinition Definition) : ExchangeMessage(OperationId);

    /// <summary>Route to a queue from now on.</summary>
    public sealed record Bind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>Route no more to a queue.</summary>
    public sealed record Unbind(long OperationId, Binding Binding) : ExchangeMessage(OperationId);

    /// <summary>End.</summary>
    public sealed record Remove(long OperationId) : ExchangeMessage(OperationId);

    /// <summary>Answer when everything that was told before is in force. Nothing else.</summary>
    public sealed record Settle(long OperationId) : ExchangeMessage(OperationId);

    /// <summary>After a failure: be there, with these bindings, and no others.</summary>
    public sealed record Restore(long OperationId, ExchangeDefinition Definition, IReadOnlyList<Binding> Bindings) : ExchangeMessage(OperationId)
    {
        /// <summary>What an exchange that has failed is told: how it is declared, or that it is gone.</summary>
        public static ExchangeMessage Of(TopologyMachine topology, TopologyMessage.ExchangeFailed failed) => topology.TryGetExchange(failed.Exchange, out var definition)
            ? new Restore(failed.LostOperationId, definition, [.. topology.BindingsOf(failed.Exchange)])
            : new Remove(failed.LostOperationId);
    }
}

/// <summary>The change is visible to every publish that starts after this.</summary>
internal sealed record ExchangeDone(long OperationId);
