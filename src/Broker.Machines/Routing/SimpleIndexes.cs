using System.Collections.Immutable;
using Broker.Machines.Topology;

namespace Broker.Machines.Routing;

/// <summary>By the exact key.</summary>
internal sealed class DirectIndex(ImmutableDictionary<string, DestinationSet> byKey) : BindingIndex
{
    public static DirectIndex Empty { get; } = new(ImmutableDictionary.Create<string, DestinationSet>(StringComparer.Ordinal));

    public override bool DependsOnKeyAlone => true;

    public override BindingIndex Add(Binding binding, long place) =>
        new DirectIndex(byKey.SetItem(binding.RoutingKey, byKey.GetValueOrDefault(binding.RoutingKey, DestinationSet.Empty).Add(DestinationOf(binding))));

    public override BindingIndex Remove(Binding binding, long place)
    {
        var rest = byKey[binding.RoutingKey].Remove(DestinationOf(binding));
        return new DirectIndex(rest.IsEmpty ? byKey.Remove(binding.RoutingKey) : byKey.SetItem(binding.RoutingKey, rest));
    }

    public override void Match(ref RoutedMessage message, Matches matches)
    {
        Match(message.RoutingKey, matches);
        foreach (var key in message.MoreKeys)
        {
            Match(key, matches);
        }
    }

    private void Match(string key, Matches matches)
    {
        if (byKey.TryGetValue(key, out var set))
        {
            matches.Add(set);
        }
    }
}

/// <summary>All.</summary>
internal sealed class FanoutIndex(DestinationSet all) : BindingIndex
{
    public static FanoutIndex Empty { get; } = new(DestinationSet.Empty);

    public override bool DependsOnKeyAlone => true;

    public override BindingIndex Add(Binding binding, long place) => new FanoutIndex(all.Add(DestinationOf(binding)));

    public override BindingIndex Remove(Binding binding, long place) => new FanoutIndex(all.Remove(DestinationOf(binding)));

    public override void Match(ref RoutedMessage message, Matches matches) => matches.Add(all);
}

/// <summary>One of all, any.</summary>
/// <param name="all">Each binding has the same chance.</param>
/// <param name="prefersLocal">Take one whose queue this node leads, if there is one.</param>
internal sealed class RandomIndex(BindingList<Destination> all, bool prefersLocal) : BindingIndex
{
    public static RandomIndex Empty { get; } = new(BindingList<Destination>.Empty, prefersLocal: false);

    public static RandomIndex EmptyLocal { get; } = new(BindingList<Destination>.Empty, prefersLocal: true);

    public override bool DependsOnKeyAlone => false;

    public override BindingIndex Add(Binding binding, long place) => new RandomIndex(all.Add(place, DestinationOf(binding)), prefersLocal);

    public override BindingIndex Remove(Binding binding, long place) => new RandomIndex(all.Remove(place), prefersLocal);

    public override void Match(ref RoutedMessage message, Matches matches)
    {
        var items = all.Items;
        if (prefersLocal && items.Count(matches.IsLedHere) is > 0 and var local)
        {
            matches.Singles.Add(items.Where(matches.IsLedHere).ElementAt(message.Draw(local)));
        }
        else if (items.Length > 0)
        {
            matches.Singles.Add(items[message.Draw(items.Length)]);
        }
    }
}
