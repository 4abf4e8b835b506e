namespace Broker.Machines.Routing;

/// <summary>How an exchange picks destinations.</summary>
public enum ExchangeKind
{
    /// <summary>Bindings whose routing key equals the message's.</summary>
    Direct,

    /// <summary>All bindings.</summary>
    Fanout,

    /// <summary>Bindings whose pattern matches the message's routing key: words between dots, <c>*</c> for one word, <c>#</c> for any number of words.</summary>
    Topic,

    /// <summary>Bindings whose arguments match the message's headers.</summary>
    Headers,

    /// <summary>One binding, the same for the same routing key; the binding's key is its weight.</summary>
    ConsistentHash,

    /// <summary>One binding, any.</summary>
    Random,

    /// <summary>One binding, any, of those whose queue this node leads if there are any.</summary>
    LocalRandom,

    /// <summary>As another kind, which the argument <c>x-delayed-type</c> names; the header <c>x-delay</c> of a message counts as its delay.</summary>
    Delayed,
}

/// <summary>The names of exchange kinds on the wire and in <c>pbm</c>.</summary>
public static class ExchangeKinds
{
    /// <summary>The names that exchanges are listed with, RabbitMQ's.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Enum.GetValues<ExchangeKind>().Select(NameOf)];

    /// <summary>Finds a kind by its name, which is case-sensitive as in RabbitMQ. Those that are plugins there go by a shorter name, too.</summary>
    public static bool TryParse(string? name, out ExchangeKind kind)
    {
        ExchangeKind? found = name switch
        {
            "direct" => ExchangeKind.Direct,
            "fanout" => ExchangeKind.Fanout,
            "topic" => ExchangeKind.Topic,
            "headers" => ExchangeKind.Headers,
            "x-consistent-hash" or "consistent-hash" => ExchangeKind.ConsistentHash,
            "x-random" or "random" => ExchangeKind.Random,
            "x-local-random" or "local-random" => ExchangeKind.LocalRandom,
            "x-delayed-message" or "delayed" => ExchangeKind.Delayed,
            _ => null,
        };
        kind = found.GetValueOrDefault();
        return found is not null;
    }

    /// <summary>The name of a kind.</summary>
    public static string NameOf(this ExchangeKind kind) => kind switch
    {
        ExchangeKind.Direct => "direct",
        ExchangeKind.Fanout => "fanout",
        ExchangeKind.Topic => "topic",
        ExchangeKind.Headers => "headers",
        ExchangeKind.ConsistentHash => "x-consistent-hash",
        ExchangeKind.Random => "x-random",
        ExchangeKind.LocalRandom => "x-local-random",
        ExchangeKind.Delayed => "x-delayed-message",
        _ => throw new InvariantViolationException($"exchange kind {kind}"),
    };
}
