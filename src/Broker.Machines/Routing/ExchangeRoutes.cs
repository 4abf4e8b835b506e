using Broker.Machines.Topology;

namespace Broker.Machines.Routing;

/// <summary>Tells where one exchange sends messages. Immutable, so every stream actor of the node routes with it and takes no lock.</summary>
public sealed class ExchangeRoutes
{
    private readonly BindingIndex _index;

    internal ExchangeRoutes(ExchangeDefinition definition, string? alternate, BindingIndex index)
    {
        Definition = definition;
        Alternate = alternate is null ? null : EntityName.Beside(definition.Name, alternate);
        _index = index;
    }

    /// <summary>The exchange.</summary>
    public ExchangeDefinition Definition { get; }

    /// <summary>Where messages go that no binding matches; <c>null</c>: nowhere.</summary>
    public string? Alternate { get; }

    /// <summary>Whether nothing of a message matters but its routing key, so that what came of one is right for the next with that key.</summary>
    internal bool DependsOnKeyAlone => _index.DependsOnKeyAlone && Definition.Kind != ExchangeKind.Delayed;

    internal void Match(ref RoutedMessage message, Matches matches) => _index.Match(ref message, matches);
}

/// <summary>The bindings of one exchange, arranged so that those that match a message are found. Immutable.</summary>
internal abstract class BindingIndex
{
    public abstract bool DependsOnKeyAlone { get; }

    /// <param name="binding">The binding.</param>
    /// <param name="place">Its place in the order in which bindings came, which no other has.</param>
    public abstract BindingIndex Add(Binding binding, long place);

    public abstract BindingIndex Remove(Binding binding, long place);

    public abstract void Match(ref RoutedMessage message, Matches matches);

    /// <summary>The empty one for a kind of exchange.</summary>
    public static BindingIndex Of(ExchangeDefinition exchange) => exchange.RoutesAs switch
    {
        ExchangeKind.Direct => DirectIndex.Empty,
        ExchangeKind.Fanout => FanoutIndex.Empty,
        ExchangeKind.Topic => TopicIndex.Empty,
        ExchangeKind.Headers => HeadersIndex.Empty,
        ExchangeKind.ConsistentHash => new ConsistentHashIndex(exchange.Arguments),
        ExchangeKind.Random => RandomIndex.Empty,
        ExchangeKind.LocalRandom => RandomIndex.EmptyLocal,
        _ => throw new InvariantViolationException($"exchange kind {exchange.RoutesAs}"),
    };

    protected static Destination DestinationOf(Binding binding) => new(binding.Destination, binding.Kind);
}
