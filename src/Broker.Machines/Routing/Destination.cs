using System.Collections.Immutable;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>Where a binding leads.</summary>
/// <param name="Name">A queue or exchange, with its vhost.</param>
/// <param name="Kind">Which of the two.</param>
public readonly record struct Destination(string Name, DestinationKind Kind);

/// <summary>Destinations in the order in which they were bound first, each with the number of bindings that lead to it. Immutable.</summary>
/// <remarks>
/// Adding and removing cost O(log n) in their number. Those who route want a plain array; the first of them after a change makes it, which costs what the routing itself does. If two do so at once,
/// both make the same.
/// </remarks>
internal sealed class DestinationSet
{
    private const int Few = 8; // so many are kept in an array alone: nearly all sets are so small
    private readonly (Destination Destination, int Count)[] _few;
    private readonly ImmutableDictionary<Destination, (long Place, int Count)> _many;
    private readonly ImmutableSortedDictionary<long, Destination> _places;
    private readonly long _nextPlace;
    private Listing? _listing;

    private sealed record Listing(ImmutableArray<string> Queues, ImmutableArray<string> Exchanges);

    private DestinationSet((Destination Destination, int Count)[] few)
    {
        _few = few;
        _many = ImmutableDictionary<Destination, (long Place, int Count)>.Empty;
        _places = ImmutableSortedDictionary<long, Destination>.Empty;
    }

    private DestinationSet(ImmutableDictionary<Destination, (long Place, int Count)> many, ImmutableSortedDictionary<long, Destination> places, long nextPlace)
    {
        _few = [];
        _many = many;
        _places = places;
        _nextPlace = nextPlace;
    }

    public static DestinationSet Empty { get; } = new([]);

    public int Count => _few.Length + _places.Count;

    public bool IsEmpty => Count == 0;

    public ImmutableArray<string> Queues => Listed().Queues;

    public ImmutableArray<string> Exchanges => Listed().Exchanges;

    /// <summary>One more binding leads to a destination.</summary>
    public DestinationSet Add(Destination destination)
    {
        if (!_places.IsEmpty)
        {
            return _many.TryGetValue(destination, out var known)
                ? new DestinationSet(_many.SetItem(destination, known with { Count = known.Count + 1 }), _places, _nextPlace)
                : new DestinationSet(_many.Add(destination, (_nextPlace, 1)), _places.Add(_nextPlace, destination), _nextPlace + 1);
        }

        var at = Array.FindIndex(_few, f => f.Destination == destination);
        if (at >= 0)
        {
            return With(at, _few[at].Count + 1);
        }

        return _few.Length < Few
            ? new DestinationSet([.. _few, (destination, 1)])
            : new DestinationSet(
                _few.Select((f, i) => KeyValuePair.Create(f.Destination, ((long)i, f.Count))).Append(KeyValuePair.Create(destination, ((long)Few, 1))).ToImmutableDictionary(),
                _few.Select((f, i) => KeyValuePair.Create((long)i, f.Destination)).Append(KeyValuePair.Create((long)Few, destination)).ToImmutableSortedDictionary(),
                Few + 1);
    }

    /// <summary>A binding less leads to a destination, which is among them.</summary>
    public DestinationSet Remove(Destination destination)
    {
        if (_places.IsEmpty)
        {
            var at = Array.FindIndex(_few, f => f.Destination == destination);
            return _few[at].Count > 1 ? With(at, _few[at].Count - 1) : _few.Length == 1 ? Empty : new DestinationSet([.. _few[..at], .. _few[(at + 1)..]]);
        }

        var (place, count) = _many[destination];
        if (count > 1)
        {
            return new DestinationSet(_many.SetItem(destination, (place, count - 1)), _places, _nextPlace);
        }

        var (many, places) = (_many.Remove(destination), _places.Remove(place));
        return places.Count > Few / 2 ? new DestinationSet(many, places, _nextPlace) : new DestinationSet([.. places.Values.Select(d => (d, many[d].Count))]);
    }

    private DestinationSet With(int at, int count)
    {
        var few = ((Destination Destination, int Count)[])_few.Clone();
        few[at].Count = count;
        return new DestinationSet(few);
    }

    private Listing Listed()
    {
        if (_listing is { } listing)
        {
            return listing;
        }

        var all = _places.IsEmpty ? [.. _few.Select(f => f.Destination)] : _places.Values.ToList();
        return _listing = new Listing(
            [.. all.Where(d => d.Kind == DestinationKind.Queue).Select(d => d.Name)], [.. all.Where(d => d.Kind == DestinationKind.Exchange).Select(d => d.Name)]);
    }
}

/// <summary>What an exchange looks at one after the other for each message, in the order in which it was added. Immutable; see <see cref="DestinationSet"/> for the costs.</summary>
internal sealed class BindingList<T>
{
    private readonly ImmutableSortedDictionary<long, T> _items;
    private ImmutableArray<T> _array;

    private BindingList(ImmutableSortedDictionary<long, T> items) => _items = items;

    public static BindingList<T> Empty { get; } = new(ImmutableSortedDictionary<long, T>.Empty);

    public ImmutableArray<T> Items => _array.IsDefault ? _array = [.. _items.Values] : _array;

    public BindingList<T> Add(long place, T item) => new(_items.Add(place, item));

    public BindingList<T> Remove(long place) => new(_items.Remove(place));
}
