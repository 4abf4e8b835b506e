namespace Broker.Simulation.Tests.Checkers;

/// <summary>
/// What readers have seen of a log, over all lives of the node: the same message at the same offset always, nothing left out but what retention takes at the old end, and that no sooner than it may.
/// </summary>
internal sealed class LogHistory(QueueHistory queue)
{
    private const long LongestPiece = (64 << 10) + (12 << 10); // the smallest piece that leaves at once is so long at most: 64 KiB and one message
    private readonly SortedDictionary<ulong, MessageId> _messageAt = [];
    private readonly Dictionary<MessageId, (ulong Position, int Size)> _places = [];

    /// <summary>Everything before was taken by retention, for certain.</summary>
    public ulong Floor { get; private set; } = 1;

    public void OnRead(MessageId id, ulong position, int size)
    {
        Assert.True(queue.Fates.ContainsKey(id), $"'{queue.Name}': {id} was never published here");
        queue.Tell(id, $"read at {position}");
        Assert.True(_messageAt.TryAdd(position, id) || _messageAt[position] == id, $"'{queue.Name}': position {position} was {_messageAt[position]} and is {id}: {queue.StoryOf(id)}");
        Assert.True(_places.TryAdd(id, (position, size)) || _places[id].Position == position, $"'{queue.Name}': {id} was at {_places[id].Position} and is at {position}: {queue.StoryOf(id)}");
        queue.CheckOrder(id, position);
        queue.Fates[id].Position = position;
    }

    /// <summary>A reader that was to get an earlier message next got this one: what is between is gone.</summary>
    /// <param name="first">The position of the oldest message that is there.</param>
    /// <param name="sent">Bytes of all messages that were ever sent here.</param>
    public void OnRetained(ulong first, long sent)
    {
        Assert.True(
            queue.Arguments.MaxLengthBytes is { } most && sent > most,
            $"'{queue.Name}': what is before {first} is gone, and it may have {queue.Arguments.MaxLengthBytes} bytes; {sent} were sent");
        Floor = Math.Max(Floor, first);
    }

    /// <summary>A reader has gone from the oldest message to the newest.</summary>
    public void CheckContents(IReadOnlyList<(MessageId Id, ulong Position)> found)
    {
        var first = found.Count > 0 ? found[0].Position : ulong.MaxValue;
        var there = found.Select(f => f.Id).ToHashSet();
        foreach (var (id, fate) in queue.Fates.Where(f => f.Value is { Confirmed: true } && !there.Contains(f.Key)))
        {
            var isKnownToBeOlder = _places.TryGetValue(id, out var place) && place.Position < first;
            var mayBeOlder = !_places.ContainsKey(id) && first > 1 && !found.Any(f => f.Id.Publisher == id.Publisher && f.Id.Sequence < id.Sequence);
            Assert.True(isKnownToBeOlder || mayBeOlder, $"'{queue.Name}': {id} is lost; {found.Count} messages are there from {first} on: {queue.StoryOf(id)}");
        }

        if (first > 1 && found.Count > 0 && queue.Arguments.MaxLengthBytes is { } most)
        {
            var bytes = found.Sum(f => (long)_places[f.Id].Size);
            Assert.True(bytes >= most - LongestPiece, $"'{queue.Name}' has {bytes} bytes left and may have {most}");
        }

        var newest = _places.Values.Select(p => p.Position).DefaultIfEmpty(0UL).Max();
        Assert.True(newest == 0 || (found.Count > 0 && found[^1].Position == newest), $"'{queue.Name}': the newest message, at {newest}, is gone");
    }
}
