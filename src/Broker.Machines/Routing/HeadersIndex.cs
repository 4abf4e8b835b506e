using Broker.Machines.Topology;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>By headers: a binding's arguments are what the message is to have, all of them or any of them. Each binding is looked at.</summary>
internal sealed class HeadersIndex(BindingList<HeadersIndex.Wish> all) : BindingIndex
{
    public static HeadersIndex Empty { get; } = new(BindingList<Wish>.Empty);

    public override bool DependsOnKeyAlone => false;

    /// <summary>What one binding wants.</summary>
    /// <param name="Headers">Names and values; a value of null: whatever it is.</param>
    /// <param name="All">All of them, or any.</param>
    /// <param name="Destination">Where it leads.</param>
    internal sealed record Wish(KeyValuePair<string, FieldValue>[] Headers, bool All, Destination Destination)
    {
        public static Wish Of(Binding binding)
        {
            var (all, withX) = BindingRules.MatchOf(binding) ?? throw new InvariantViolationException($"binding {binding} was checked");
            var headers = binding.Arguments.Where(a => a.Key != BindingRules.MatchArgument && (withX || !a.Key.StartsWith("x-", StringComparison.Ordinal)));
            return new Wish([.. headers], all, DestinationOf(binding));
        }

        /// <summary>As in RabbitMQ, all of nothing is always there, and any of nothing never is.</summary>
        public bool IsMet(ref RoutedMessage message)
        {
            foreach (var (name, value) in Headers)
            {
                if ((message.TryGetHeader(name, out var found) && (value.Kind == FieldKind.Null || value == found)) != All)
                {
                    return !All;
                }
            }

            return All;
        }
    }

    public override BindingIndex Add(Binding binding, long place) => new HeadersIndex(all.Add(place, Wish.Of(binding)));

    public override BindingIndex Remove(Binding binding, long place) => new HeadersIndex(all.Remove(place));

    public override void Match(ref RoutedMessage message, Matches matches)
    {
        foreach (var wish in all.Items)
        {
            if (wish.IsMet(ref message))
            {
                matches.Singles.Add(wish.Destination);
            }
        }
    }
}
