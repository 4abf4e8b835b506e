using Broker.Machines.Queues;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>A message as its publisher knows it.</summary>
internal readonly record struct MessageId(int Publisher, ulong Sequence)
{
    public override string ToString() => $"{Publisher}.{Sequence}";
}

/// <summary>
/// Everything that clients were told about the messages of one queue, over all lives of the node: nothing confirmed is lost, nothing settled for certain comes back, none comes twice, first
/// deliveries keep each publisher's order, and whatever may have been seen before says so.
/// </summary>
/// <param name="name">The queue's name.</param>
/// <param name="now">The moment, for messages of failures.</param>
internal sealed class QueueHistory(string name, Func<string> now)
{
    private readonly Dictionary<MessageId, Fate> _fates = [];
    private readonly Dictionary<int, SortedList<ulong, ulong>> _positions = []; // per publisher, the positions of its sequences

    private sealed class Fate
    {
        public bool Confirmed;
        public int Deliveries;
        public ulong Position;
        public bool MaySettle;
        public bool Settled;
        public List<string> Story { get; } = [];
    }

    public string Name => name;

    /// <summary>Whether consumers take messages without acknowledging them: such a message is gone when the node goes down before it has arrived, and nobody can tell.</summary>
    public bool MayBeLostOnTheWay { get; init; }

    /// <summary>Whether damage may take settlements with it.</summary>
    public bool MayComeBack { get; init; }

    /// <summary>Confirmed messages that nobody has tried to settle.</summary>
    public int Expected => _fates.Values.Count(f => f.Confirmed && !f.MaySettle);

    public void OnPublished(MessageId id)
    {
        _fates.TryAdd(id, new Fate());
        Tell(id, "sent");
    }

    public void OnConfirmed(MessageId id)
    {
        _fates[id].Confirmed = true;
        Tell(id, "confirmed");
    }

    /// <summary>Remembers something about a message, for the message of a failure.</summary>
    public void Tell(MessageId id, string what) => _fates[id].Story.Add($"{now()} {what}");

    /// <summary>From here on the message may be gone.</summary>
    public void OnSettling(MessageId id)
    {
        _fates[id].MaySettle = true;
        Tell(id, "settling");
    }

    /// <summary>From here on the message must be gone.</summary>
    public void OnSettled(MessageId id)
    {
        _fates[id].Settled = true;
        Tell(id, "settled");
    }

    /// <summary>Everything that was published so far may be gone.</summary>
    public void OnPurging()
    {
        foreach (var fate in _fates.Values)
        {
            fate.MaySettle = true;
        }
    }

    public void OnDelivered(MessageId id, in Delivery delivery)
    {
        Assert.True(_fates.TryGetValue(id, out var fate), $"'{name}': {id} was never published here");
        Tell(id, $"delivered as {delivery.Entry.Position}, {delivery.Entry.DeliveryCount} times before");
        Assert.False(fate.Settled && !MayComeBack, $"'{name}': {id} was settled for certain and comes again: {StoryOf(id)}");
        var position = delivery.Entry.Position;
        Assert.True(fate.Position == 0 || fate.Position == position, $"'{name}': {id} came at position {fate.Position} and comes at {position}, so it is there twice: {StoryOf(id)}");
        Assert.True(fate.Deliveries == 0 || delivery.Redelivered, $"'{name}': {id} was delivered before and does not say so: {StoryOf(id)}");
        Assert.True(delivery.Entry.DeliveryCount >= fate.Deliveries || MayComeBack, $"'{name}': {id} was delivered {fate.Deliveries} times and says {delivery.Entry.DeliveryCount}: {StoryOf(id)}");
        CheckOrder(id, position);
        fate.Position = position;
        fate.Deliveries++;
    }

    /// <summary>A publisher's messages are in the queue in the order in which it has sent them.</summary>
    private void CheckOrder(MessageId id, ulong position)
    {
        if (!_positions.TryGetValue(id.Publisher, out var positions))
        {
            positions = [];
            _positions.Add(id.Publisher, positions);
        }

        positions[id.Sequence] = position;
        var at = positions.IndexOfKey(id.Sequence);
        Assert.True(
            (at == 0 || positions.GetValueAtIndex(at - 1) < position) && (at == positions.Count - 1 || positions.GetValueAtIndex(at + 1) > position),
            $"'{name}': {id} is at position {position}, out of the order of its publisher: {string.Join(' ', positions.Select(p => $"{p.Key}@{p.Value}"))}");
    }

    /// <summary>The queue was emptied: this is all that was in it, in this order.</summary>
    /// <param name="found">What was found.</param>
    /// <param name="mayMiss">How many may be missing because the node has reported them as lost to damage.</param>
    /// <param name="mayComeBack">Whether the node has reported that settlements are lost to damage.</param>
    public void CheckContents(IReadOnlyList<MessageId> found, long mayMiss, bool mayComeBack)
    {
        Assert.Equal(found.Count, found.Distinct().Count());
        var there = found.ToHashSet();
        var missing = MayBeLostOnTheWay ? [] : _fates.Where(f => f.Value.Confirmed && !f.Value.MaySettle && !there.Contains(f.Key)).Select(f => f.Key).ToList();
        Assert.True(missing.Count <= mayMiss, $"'{name}': {missing.Count} confirmed messages are lost ({mayMiss} reported): {string.Join("; ", missing.Take(5).Select(StoryOf))}");
        var back = found.Where(id => _fates[id].Settled).ToList();
        Assert.True(back.Count == 0 || mayComeBack, $"'{name}': settled for certain and back: {string.Join("; ", back.Take(5).Select(StoryOf))}");
    }

    private string StoryOf(MessageId id) => $"{id} at {_fates[id].Position}: {string.Join(", ", _fates[id].Story)}";
}
