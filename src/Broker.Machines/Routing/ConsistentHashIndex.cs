using System.Globalization;
using Broker.Machines.Topology;

namespace Broker.Machines.Routing;

/// <summary>One of all, the same for the same key.</summary>
/// <remarks>
/// Each binding draws a number that follows from the key and from its destination alone, and who draws best, weighed, gets the message (rendezvous hashing). So it does not matter in which order
/// bindings came, all nodes choose alike, the shares are exactly those of the weights, and a binding that comes or goes moves only what it gets or had. The price: each binding is looked at.
/// </remarks>
internal sealed class ConsistentHashIndex : BindingIndex
{
    private readonly ExchangeArguments _arguments;
    private readonly BindingList<Share> _all;

    private readonly record struct Share(ulong Hash, double Weight, Destination Destination);

    private ConsistentHashIndex(ExchangeArguments arguments, BindingList<Share> all)
    {
        _arguments = arguments;
        _all = all;
    }

    public ConsistentHashIndex(ExchangeArguments arguments)
        : this(arguments, BindingList<Share>.Empty)
    {
    }

    public override bool DependsOnKeyAlone => _arguments is { HashHeader: null, HashProperty: null };

    public override BindingIndex Add(Binding binding, long place)
    {
        var weight = BindingRules.WeightOf(binding) ?? throw new InvariantViolationException($"binding {binding} was checked");
        return new ConsistentHashIndex(_arguments, _all.Add(place, new Share(HashOf(binding), weight, DestinationOf(binding))));
    }

    public override BindingIndex Remove(Binding binding, long place) => new ConsistentHashIndex(_arguments, _all.Remove(place));

    public override void Match(ref RoutedMessage message, Matches matches)
    {
        var key = Hashes.Of(KeyOf(ref message));
        var (best, lowest) = (default(Share), double.PositiveInfinity);
        foreach (var share in _all.Items)
        {
            var drawn = ((Hashes.Mix(key ^ share.Hash) >> 11) + 1) * (1.0 / (1UL << 53)); // above 0, at most 1
            var score = -Ln(drawn) / share.Weight;
            if (score < lowest || (score == lowest && share.Hash < best.Hash))
            {
                (best, lowest) = (share, score);
            }
        }

        if (best.Destination.Name is not null)
        {
            matches.Singles.Add(best.Destination);
        }
    }

    /// <summary>A message without the header or property counts as one with an empty one.</summary>
    private string KeyOf(ref RoutedMessage message)
    {
        if (_arguments.HashHeader is { } header)
        {
            return message.TryGetHeader(header, out var value) ? value.AsText() ?? value.ToString() : "";
        }

        return _arguments.HashProperty switch
        {
            null => message.RoutingKey,
            HashProperty.MessageId => message.Properties.MessageId ?? "",
            HashProperty.CorrelationId => message.Properties.CorrelationId ?? "",
            _ => message.Properties.Timestamp?.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) ?? "",
        };
    }

    /// <summary>Two bindings to one destination are two shares.</summary>
    private static ulong HashOf(Binding binding)
    {
        var hash = Hashes.Of(binding.Destination) ^ (ulong)binding.Kind;
        return binding.Arguments.Count == 0 ? hash : Hashes.Mix(hash ^ Hashes.Of(binding.Arguments.ToString()));
    }

    /// <summary>The natural logarithm, of the four operations alone: those of .NET's own may differ between processors in the last bit, and with it two nodes.</summary>
    private static double Ln(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52) - 1023;
        var mantissa = BitConverter.Int64BitsToDouble((bits & 0x000f_ffff_ffff_ffff) | (1023L << 52)); // 1 to 2
        if (mantissa > 1.4142135623730951)
        {
            mantissa /= 2;
            exponent++;
        }

        var s = (mantissa - 1) / (mantissa + 1);
        var square = s * s;
        var sum = 0.0;
        for (var n = 21; n >= 1; n -= 2)
        {
            sum = (sum * square) + (1.0 / n);
        }

        return (exponent * 0.6931471805599453) + (2 * s * sum);
    }
}
