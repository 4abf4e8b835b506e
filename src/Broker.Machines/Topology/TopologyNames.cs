using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>Rules for the names of exchanges and queues.</summary>
public static class TopologyNames
{
    /// <summary>The default exchange: every queue is reachable through it by its name, and nothing can be bound to it.</summary>
    public const string DefaultExchange = "";

    /// <summary>Names that start so are the broker's own, as in RabbitMQ.</summary>
    public const string ReservedPrefix = "amq.";

    /// <summary>Exchanges that exist from the start and cannot be deleted.</summary>
    public static readonly IReadOnlyList<(string Name, Routing.ExchangeKind Kind)> BuiltInExchanges =
    [
        (DefaultExchange, Routing.ExchangeKind.Direct),
        ("amq.direct", Routing.ExchangeKind.Direct),
        ("amq.fanout", Routing.ExchangeKind.Fanout),
    ];

    /// <summary>Whether the exchange is one of those that exist from the start.</summary>
    public static bool IsBuiltIn(string exchange) => BuiltInExchanges.Any(e => e.Name == exchange);

    /// <summary>Checks a name that a client wants to give.</summary>
    /// <returns><c>null</c>, or what is wrong with it.</returns>
    public static FrameFault? Check(string what, string name)
    {
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > ProtocolLimits.MaxNameBytes)
        {
            return new FrameFault(ErrorCode.InvalidArgument, $"the {what} needs a name of 1 to {ProtocolLimits.MaxNameBytes} bytes");
        }

        if (name.StartsWith(ReservedPrefix, StringComparison.Ordinal))
        {
            return new FrameFault(ErrorCode.AccessRefused, $"the {what} name '{name}' starts with the reserved prefix '{ReservedPrefix}'");
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
