using System.Text;
using Broker.Machines.Routing;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>Rules for the names of exchanges and queues. Names come with their vhost (<see cref="EntityName"/>); the rules are about the part within it.</summary>
public static class TopologyNames
{
    /// <summary>The default exchange: every queue is reachable through it by its name, and nothing can be bound to it.</summary>
    public const string DefaultExchange = "";

    /// <summary>Names that start so are the broker's own, as in RabbitMQ.</summary>
    public const string ReservedPrefix = "amq.";

    /// <summary>Exchanges that each vhost has from its start and that cannot be deleted.</summary>
    public static readonly IReadOnlyList<(string Name, ExchangeKind Kind)> BuiltInExchanges =
    [
        (DefaultExchange, ExchangeKind.Direct),
        ("amq.direct", ExchangeKind.Direct),
        ("amq.fanout", ExchangeKind.Fanout),
        ("amq.headers", ExchangeKind.Headers),
        ("amq.match", ExchangeKind.Headers),
        ("amq.topic", ExchangeKind.Topic),
    ];

    /// <summary>The built-in exchanges of a vhost.</summary>
    public static IEnumerable<ExchangeDefinition> BuiltInsOf(string vhost) => BuiltInExchanges.Select(e => new ExchangeDefinition(EntityName.Of(vhost, e.Name), e.Kind));

    /// <summary>Whether the exchange is one of those that each vhost has.</summary>
    public static bool IsBuiltIn(string exchange)
    {
        var name = EntityName.LocalOf(exchange);
        return BuiltInExchanges.Any(e => e.Name == name);
    }

    /// <summary>Whether the exchange is its vhost's default exchange.</summary>
    public static bool IsDefault(string exchange) => EntityName.LocalOf(exchange).Length == 0;

    /// <summary>Checks a name that a client wants to give.</summary>
    /// <param name="what">Of what it is the name.</param>
    /// <param name="entity">The name with its vhost.</param>
    /// <returns><c>null</c>, or what is wrong with it.</returns>
    public static FrameFault? Check(string what, string entity)
    {
        var name = EntityName.LocalOf(entity);
        return name.StartsWith(ReservedPrefix, StringComparison.Ordinal)
            ? new FrameFault(ErrorCode.AccessRefused, $"the {what} name '{name}' starts with the reserved prefix '{ReservedPrefix}'")
            : CheckText(what, name);
    }

    /// <summary>Checks the name of a vhost.</summary>
    /// <returns><c>null</c>, or what is wrong with it.</returns>
    public static FrameFault? CheckVhost(string name) => CheckText("vhost", name);

    private static FrameFault? CheckText(string what, string name)
    {
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > ProtocolLimits.MaxNameBytes)
        {
            return new FrameFault(ErrorCode.InvalidArgument, $"the {what} needs a name of 1 to {ProtocolLimits.MaxNameBytes} bytes");
        }

        foreach (var c in name)
        {
            if (char.IsControl(c))
            {
                return new FrameFault(ErrorCode.InvalidArgument, $"the {what} name contains the control character U+{(int)c:X4}");
            }
        }

        return null;
    }
}
