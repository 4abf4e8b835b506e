using Broker.Client.Requests;
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

    /// <summary>
    /// The exchange that gets the messages for which this one finds no queue. Default <c>null</c>: they are returned or dropped. Argument
    /// <c>alternate-exchange</c>.
    /// </summary>
    public string? AlternateExchange { get; init; }

    /// <summary>
    /// Of <see cref="ExchangeType.Delayed"/>: the type by which it routes, one of the others of <see cref="ExchangeType"/>. That type needs it; others have none.
    /// Default <c>null</c>. Argument <c>x-delayed-type</c>.
    /// </summary>
    public string? DelayedType { get; init; }

    /// <summary>
    /// Of <see cref="ExchangeType.ConsistentHash"/>: the header by whose value it spreads messages. Default <c>null</c>: the routing key. Argument
    /// <c>hash-header</c>.
    /// </summary>
    public string? HashHeader { get; init; }

    /// <summary>
    /// Of <see cref="ExchangeType.ConsistentHash"/>: the property by whose value it spreads messages. Not with <see cref="HashHeader"/>. Default <c>null</c>: the
    /// routing key. Argument <c>hash-property</c>.
    /// </summary>
    public HashProperty? HashProperty { get; init; }

    /// <summary>
    /// Further arguments by their names. Default: none. One that an option above says otherwise is an <see cref="ArgumentException"/> of the declaration.
    /// </summary>
    public FieldTable Arguments { get; init; } = FieldTable.Empty;

    internal DeclareExchangeFlags Flags =>
        (Durable ? DeclareExchangeFlags.Durable : 0)
        | (AutoDelete ? DeclareExchangeFlags.AutoDelete : 0)
        | (Internal ? DeclareExchangeFlags.Internal : 0)
        | (Passive ? DeclareExchangeFlags.Passive : 0);

    /// <summary>All arguments, typed or not.</summary>
    /// <exception cref="ArgumentException">Two contradict each other.</exception>
    internal FieldTable ToTable()
    {
        ArgumentNullException.ThrowIfNull(Arguments);
        if (HashHeader is not null && HashProperty is not null)
        {
            throw new ArgumentException("messages are spread by a header or by a property; leave one of them out", nameof(HashProperty));
        }

        return new TypedArguments(Arguments)
            .Add("alternate-exchange", nameof(AlternateExchange), AlternateExchange)
            .Add("x-delayed-type", nameof(DelayedType), DelayedType)
            .Add("hash-header", nameof(HashHeader), HashHeader)
            .Add("hash-property", nameof(HashProperty), HashProperty?.ToText())
            .ToTable();
    }
}
