using System.Globalization;
using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>What a binding may say, by the kind of its exchange.</summary>
internal static class BindingRules
{
    public const string MatchArgument = "x-match";
    private const int MostWeight = 1_000_000;

    /// <summary>Checks the routing key and the arguments of a binding. Arguments that a kind does not look at are allowed, as in RabbitMQ.</summary>
    /// <returns><c>null</c>, or INVALID_ARGUMENT: what is wrong, and what would be right.</returns>
    public static FrameFault? Check(ExchangeKind kind, Binding binding) => kind switch
    {
        ExchangeKind.ConsistentHash when WeightOf(binding) is null => new FrameFault(
            ErrorCode.InvalidArgument, $"the routing key '{binding.RoutingKey}' of a binding to an exchange of type '{kind.NameOf()}' is its weight: an integer, 1 to {MostWeight}"),
        ExchangeKind.Headers when MatchOf(binding) is null => new FrameFault(
            ErrorCode.InvalidArgument, $"the binding's argument '{MatchArgument}' is {ValueOf(binding)}; it must be 'all', 'any', 'all-with-x' or 'any-with-x'"),
        _ => null,
    };

    /// <summary>The share of a consistent-hash exchange's messages that a binding is to get, in proportion to the others; <c>null</c> if its key is none.</summary>
    public static int? WeightOf(Binding binding) =>
        int.TryParse(binding.RoutingKey, NumberStyles.None, CultureInfo.InvariantCulture, out var weight) && weight is >= 1 and <= MostWeight ? weight : null;

    /// <summary>How a binding of a headers exchange matches; <c>null</c> if it says something else.</summary>
    public static (bool All, bool WithX)? MatchOf(Binding binding) => !binding.Arguments.TryGetValue(MatchArgument, out var match) ? (true, false) : match.AsText() switch
    {
        "all" => (true, false),
        "any" => (false, false),
        "all-with-x" => (true, true),
        "any-with-x" => (false, true),
        _ => null,
    };

    private static FieldValue ValueOf(Binding binding) => binding.Arguments.TryGetValue(MatchArgument, out var value) ? value : default;
}
