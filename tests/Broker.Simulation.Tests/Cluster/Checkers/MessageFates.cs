using Broker.Machines.Queues;
using Broker.Simulation.Tests.Checkers;

namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// What became of each message of a queue, over all nodes that ever served it: what was confirmed is consumed or still there at the end, what was settled for certain is delivered no more,
/// none is there twice, and no two deliveries say that they are the same one.
/// </summary>
/// <remarks>
/// A leader that was cut off may deliver late what it had decided on long ago. So deliveries are told apart by their counts, each of which was agreed on once, and not by when they come.
/// </remarks>
internal sealed class MessageFates(string queue, Func<string> now)
{
    private readonly Dictionary<MessageId, Fate> _fates = [];

    private sealed class Fate
    {
        public bool Confirmed;
        public bool MaySettle;
        public int SettledAt = -1; // the delivery that was settled
        public ulong Position;
        public HashSet<int> Counts { get; } = [];
        public List<string> Story { get; } = [];
    }

    public int ConfirmedCount => _fates.Values.Count(f => f.Confirmed);

    /// <summary>What publishers were told to be there.</summary>
    public IEnumerable<MessageId> Confirmed => _fates.Where(f => f.Value.Confirmed).Select(f => f.Key);

    public int SettledCount => _fates.Values.Count(f => f.SettledAt >= 0);

    public int RedeliveredCount => _fates.Values.Count(f => f.Counts.Count > 1);

    public void OnPublished(MessageId id) => _fates.Add(id, new Fate());

    /// <summary>Remembers something about a message, for the message of a failure.</summary>
    public void Tell(MessageId id, string what) => _fates[id].Story.Add($"{now()} {what}");

    public void OnConfirmed(MessageId id)
    {
        _fates[id].Confirmed = true;
        Tell(id, "confirmed");
    }

    /// <summary>From here on the message may be gone.</summary>
    public void OnSettling(MessageId id)
    {
        _fates[id].MaySettle = true;
        Tell(id, "settling");
    }

    /// <summary>The delivery with this count was settled, for certain.</summary>
    public void OnSettled(MessageId id, int count)
    {
        var fate = _fates[id];
        fate.SettledAt = count;
        Tell(id, $"settled after {count} deliveries");
        Assert.False(fate.Counts.Any(c => c > count), $"'{queue}': {id} was delivered again before it was settled for certain: {StoryOf(id)}");
    }

    public void OnDelivered(MessageId id, in Delivery delivery)
    {
        Assert.True(_fates.TryGetValue(id, out var fate), $"'{queue}': {id} was never published here");
        var (position, count) = (delivery.Entry.Position, delivery.Entry.DeliveryCount);
        Tell(id, $"delivered as {position}, {count} times before");
        Assert.True(fate.Position == 0 || fate.Position == position, $"'{queue}': {id} came at position {fate.Position} and comes at {position}, so it is there twice: {StoryOf(id)}");
        Assert.True(fate.Counts.Add(count), $"'{queue}': {id} was delivered with count {count} before: {StoryOf(id)}");
        Assert.True(fate.SettledAt < 0 || count < fate.SettledAt, $"'{queue}': {id} was settled for certain and comes again: {StoryOf(id)}");
        fate.Position = position;
    }

    /// <summary>The queue was emptied: this is all that was in it.</summary>
    public void CheckContents(IReadOnlyCollection<MessageId> found)
    {
        var there = found.ToHashSet();
        Assert.True(there.Count == found.Count, $"'{queue}': {found.Count - there.Count} messages are there twice");
        var missing = _fates.Where(f => f.Value.Confirmed && !f.Value.MaySettle && !there.Contains(f.Key)).Select(f => f.Key).ToList();
        Assert.True(missing.Count == 0, $"'{queue}': {missing.Count} confirmed messages are lost: {string.Join("; ", missing.Take(5).Select(StoryOf))}");
    }

    private string StoryOf(MessageId id) => $"{id} at {_fates[id].Position}: {string.Join(", ", _fates[id].Story)}";
}
