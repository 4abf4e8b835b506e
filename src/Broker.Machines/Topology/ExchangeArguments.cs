using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>What a consistent-hash exchange takes from a message in place of its routing key.</summary>
public enum HashProperty : byte
{
    /// <summary><c>message_id</c></summary>
    MessageId = 0,

    /// <summary><c>correlation_id</c></summary>
    CorrelationId = 1,

    /// <summary><c>timestamp</c></summary>
    Timestamp = 2,
}

/// <summary>The arguments of an exchange's declaration; <c>null</c> is not said. The names in brackets are RabbitMQ's.</summary>
public sealed record ExchangeArguments
{
    private const string AlternateName = "alternate-exchange";
    private const string DelayedName = "x-delayed-type";
    private const string HeaderName = "hash-header";
    private const string PropertyName = "hash-property";

    /// <summary>Nothing is said.</summary>
    public static ExchangeArguments None { get; } = new();

    /// <summary>[<c>alternate-exchange</c>] Where messages go that no binding matches: an exchange of the same vhost, which need not exist.</summary>
    public string? AlternateExchange { get; init; }

    /// <summary>[<c>x-delayed-type</c>] How a delayed exchange routes; it must have it.</summary>
    public ExchangeKind? DelayedKind { get; init; }

    /// <summary>[<c>hash-header</c>] The header that a consistent-hash exchange takes in place of the routing key.</summary>
    public string? HashHeader { get; init; }

    /// <summary>[<c>hash-property</c>: <c>message_id</c>, <c>correlation_id</c> or <c>timestamp</c>] The property, likewise.</summary>
    public HashProperty? HashProperty { get; init; }

    /// <summary>Reads the arguments of a declaration.</summary>
    /// <param name="table">The arguments.</param>
    /// <param name="kind">What kind of exchange they are for.</param>
    /// <param name="arguments">What they say.</param>
    /// <param name="fault">INVALID_ARGUMENT: which one is wrong, and what would be right.</param>
    public static bool TryParse(FieldTable table, ExchangeKind kind, out ExchangeArguments arguments, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(table);
        arguments = None;
        string? wrong = null;
        foreach (var (name, value) in table)
        {
            var text = value.AsText();
            ExchangeArguments? set = name switch
            {
                AlternateName => IsName(text) ? arguments with { AlternateExchange = text } : null,
                DelayedName => ExchangeKinds.TryParse(text, out var delayed) && delayed != ExchangeKind.Delayed ? arguments with { DelayedKind = delayed } : null,
                HeaderName => IsName(text) && text!.Length > 0 ? arguments with { HashHeader = text } : null,
                PropertyName => PropertyOf(text) is { } property ? arguments with { HashProperty = property } : null,
                _ => null,
            };
            wrong ??= set is null ? Wrong(name, value) : null;
            arguments = set ?? arguments;
        }

        wrong ??= Conflict(arguments, kind);
        fault = wrong is null ? default : new FrameFault(ErrorCode.InvalidArgument, wrong);
        return wrong is null;
    }

    /// <summary>The same as a table; what is not said is left out.</summary>
    public FieldTable ToTable() => FieldTable.Of(new (string Name, string? Value)[]
    {
        (AlternateName, AlternateExchange),
        (DelayedName, DelayedKind?.NameOf()),
        (HeaderName, HashHeader),
        (PropertyName, NameOf(HashProperty)),
    }.Where(e => e.Value is not null).Select(e => KeyValuePair.Create(e.Name, FieldValue.From(e.Value!))));

    /// <summary>What differs between an exchange that exists and another declaration of it; <c>null</c> if nothing does.</summary>
    public string? DifferenceTo(ExchangeArguments declared)
    {
        ArgumentNullException.ThrowIfNull(declared);
        var (one, other) = (ToTable(), declared.ToTable());
        foreach (var name in new[] { AlternateName, DelayedName, HeaderName, PropertyName })
        {
            var (has, asks) = (one.TryGetValue(name, out var value), other.TryGetValue(name, out var asked));
            if (value != asked || has != asks)
            {
                return !has ? $"has no '{name}', not {asked}" : !asks ? $"has '{name}' {value}, not none" : $"has '{name}' {value}, not {asked}";
            }
        }

        return null;
    }

    private static string? Conflict(ExchangeArguments arguments, ExchangeKind kind)
    {
        var routes = kind == ExchangeKind.Delayed ? arguments.DelayedKind : kind;
        return kind == ExchangeKind.Delayed && arguments.DelayedKind is null ? $"an exchange of type '{kind.NameOf()}' needs the argument '{DelayedName}': how it routes, such as 'direct'"
            : kind != ExchangeKind.Delayed && arguments.DelayedKind is not null ? $"exchange argument '{DelayedName}' is for exchanges of type '{ExchangeKind.Delayed.NameOf()}'"
            : routes != ExchangeKind.ConsistentHash && (arguments.HashHeader ?? NameOf(arguments.HashProperty)) is not null
                ? $"exchange arguments '{HeaderName}' and '{PropertyName}' are for exchanges of type '{ExchangeKind.ConsistentHash.NameOf()}'"
            : arguments is { HashHeader: not null, HashProperty: not null } ? $"exchange arguments '{HeaderName}' and '{PropertyName}' exclude each other"
            : null;
    }

    private static string Wrong(string name, FieldValue value) => name switch
    {
        AlternateName => $"exchange argument '{name}' is {value}; it must be the name of an exchange",
        DelayedName => $"exchange argument '{name}' is {value}; it must be {string.Join(", ", ExchangeKinds.Names.Where(n => n != ExchangeKind.Delayed.NameOf()).Select(n => $"'{n}'"))}",
        HeaderName => $"exchange argument '{name}' is {value}; it must be the name of a header",
        PropertyName => $"exchange argument '{name}' is {value}; it must be 'message_id', 'correlation_id' or 'timestamp'",
        _ => $"exchange argument '{name}' is unknown; known are {AlternateName}, {DelayedName}, {HeaderName}, {PropertyName}",
    };

    private static HashProperty? PropertyOf(string? name) => name switch
    {
        "message_id" => Topology.HashProperty.MessageId,
        "correlation_id" => Topology.HashProperty.CorrelationId,
        "timestamp" => Topology.HashProperty.Timestamp,
        _ => null,
    };

    private static string? NameOf(HashProperty? property) => property switch
    {
        Topology.HashProperty.MessageId => "message_id",
        Topology.HashProperty.CorrelationId => "correlation_id",
        Topology.HashProperty.Timestamp => "timestamp",
        _ => null,
    };

    private static bool IsName(string? text) => text is not null && System.Text.Encoding.UTF8.GetByteCount(text) <= ProtocolLimits.MaxNameBytes && !text.Any(char.IsControl);
}
