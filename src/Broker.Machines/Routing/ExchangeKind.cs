namespace Broker.Machines.Routing;

/// <summary>How an exchange picks queues.</summary>
public enum ExchangeKind
{
    /// <summary>Bindings whose routing key equals the message's.</summary>
    Direct,

    /// <summary>All bindings.</summary>
    Fanout,
}

/// <summary>The names of exchange kinds on the wire and in <c>pbm</c>.</summary>
public static class ExchangeKinds
{
    /// <summary>Finds a kind by its name, which is case-sensitive as in RabbitMQ.</summary>
    public static bool TryParse(string name, out ExchangeKind kind)
    {
        kind = name == "fanout" ? ExchangeKind.Fanout : ExchangeKind.Direct;
        return name is "direct" or "fanout";
    }

    /// <summary>The name of a kind.</summary>
    public static string NameOf(this ExchangeKind kind) => kind switch
    {
        ExchangeKind.Direct => "direct",
        ExchangeKind.Fanout => "fanout",
        _ => throw new InvariantViolationException($"exchange kind {kind}"),
    };
}
