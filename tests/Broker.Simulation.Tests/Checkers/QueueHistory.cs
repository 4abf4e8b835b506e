using Broker.Machines.Queues;
using Broker.Protocol;

namespace Broker.Simulation.Tests.Checkers;

/// <summary>A message as its publisher knows it.</summary>
internal readonly record struct MessageId(int Publisher, ulong Sequence)
{
    public override string ToString() => $"{Publisher}.{Sequence}";
}

/// <summary>
/// Everything that clients were told about the messages of one queue, over all lives of the node: nothing confirmed is lost, nothing settled for certain comes back, nothing that was refused
/// appears, none comes twice, first deliveries keep each publisher's order, and whatever may have been seen before says so.
/// </summary>
/// <param name="name">The queue's name.</param>
/// <param name="now">The moment.</param>
internal sealed class QueueHistory(string name, Func<SimulatedMoment> now)
{
    private readonly Dictionary<MessageId, MessageFate> _fates = [];
    private readonly Dictionary<int, SortedList<ulong, ulong>> _positions = []; // per publisher, the positions of its sequences

    public string Name => name;

    /// <summary>What it was declared with.</summary>
    public QueueArguments Arguments { get; init; } = QueueArguments.None;

    /// <summary>Where its dead letters go.</summary>
    public QueueHistory? Target { get; init; }

    /// <summary>Queues whose dead letters come here.</summary>
    public List<QueueHistory> Sources { get; } = [];

    /// <summary>Whether its messages have properties.</summary>
    public bool HasFeatures { get; init; }

    public bool IsLog => Arguments.Kind == QueueKind.Log;

    /// <summary>Deliveries that may have been counted although nobody has seen them: a crash or the end of a consumer has come first.</summary>
    public int HiddenDeliveries { get; set; }

    /// <summary>Bytes of all messages that were ever sent here.</summary>
    public long SentBytes { get; set; }

    public PauseState Pause { get; } = new(name);

    public IReadOnlyDictionary<MessageId, MessageFate> Fates => _fates;

    /// <summary>Whether consumers take messages without acknowledging them: such a message is gone when the node goes down before it has arrived, and nobody can tell.</summary>
    public bool MayBeLostOnTheWay { get; init; }

    /// <summary>Whether damage may take settlements with it.</summary>
    public bool MayComeBack { get; init; }

    /// <summary>Whether first deliveries come in the order of positions.</summary>
    public bool IsInOrder => !HasFeatures;

    public SimulatedMoment Now => now();

    public void OnPublished(MessageId id, MessageProperties? properties = null)
    {
        var at = now().Milliseconds;
        if (!_fates.TryAdd(id, new MessageFate { Properties = properties, SentAt = at, SentAgainAt = at }))
        {
            var fate = _fates[id];
            (fate.SentAgainAt, fate.Sends) = (fate.TakenBy is null ? at : fate.SentAgainAt, fate.Sends + 1);
        }

        Tell(id, "sent");
    }

    public void OnConfirmed(MessageId id)
    {
        _fates[id].Confirmed = true;
        _fates[id].TakenBy ??= now().Milliseconds;
        Tell(id, "confirmed");
    }

    /// <summary>The queue has said what becomes of the message, and its publisher has not heard it.</summary>
    public void OnUnheard(MessageId id, bool isRefused)
    {
        if (!isRefused)
        {
            _fates[id].TakenBy ??= now().Milliseconds;
        }

        Tell(id, isRefused ? "refused, unheard" : "confirmed, unheard");
    }

    /// <summary>The queue has said that it does not take the message.</summary>
    public void OnRefused(MessageId id)
    {
        _fates[id].Refused = true;
        Tell(id, "refused");
        Assert.True(Arguments.Overflow is OverflowBehavior.RejectPublish or OverflowBehavior.RejectPublishDeadLetter, $"'{name}' refuses what it must take: {StoryOf(id)}");
        Assert.True(_fates[id].Deliveries == 0, $"'{name}': {id} was delivered, and is refused: {StoryOf(id)}");
    }

    /// <summary>Remembers something about a message, for the message of a failure.</summary>
    public void Tell(MessageId id, string what) => _fates[id].Story.Add($"{now()} {what}");

    /// <summary>From here on the message may be gone.</summary>
    public void OnSettling(MessageId id, bool byRejection = false)
    {
        var fate = _fates[id];
        fate.MayReject |= byRejection;
        fate.MaySettle |= !byRejection || Target is null;
        Tell(id, byRejection ? "rejecting" : "settling");
    }

    /// <summary>From here on the message must be gone.</summary>
    public void OnSettled(MessageId id, bool byRejection = false)
    {
        _fates[id].Settled = true;
        _fates[id].Rejected |= byRejection;
        Tell(id, "settled");
    }

    /// <summary>Somebody has sent a message back, or has gone while he held it.</summary>
    /// <param name="id">Which.</param>
    /// <param name="deliveries">How often it had been delivered then.</param>
    /// <param name="isCertain">Whether the node has said that this is on the disk.</param>
    public void OnReturned(MessageId id, int deliveries, bool isCertain)
    {
        var fate = _fates[id];
        if (!isCertain)
        {
            fate.Returned = (now().Milliseconds, now().Life, deliveries, false);
        }
        else if (fate.Returned is { } returned && returned.Deliveries == deliveries) // else it has been delivered since
        {
            fate.Returned = returned with { IsCertain = true };
        }

        Tell(id, isCertain ? "is back" : "returned");
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
        var fate = Find(id);
        Tell(id, $"delivered as {delivery.Entry.Position}, {delivery.Entry.DeliveryCount} times before");
        Assert.False(fate.Settled && !MayComeBack, $"'{name}': {id} was settled for certain and comes again: {StoryOf(id)}");
        Assert.False(fate.Refused, $"'{name}': {id} was refused and comes: {StoryOf(id)}");
        var position = delivery.Entry.Position;
        Assert.True(
            fate.Position == 0 || fate.Position == position,
            $"'{name}': {id} came at position {fate.Position} and comes at {position}, so it is there twice: {StoryOf(id)}; {fate.Source?.StoryOf(id)}");
        Assert.True(fate.Deliveries == 0 || delivery.Redelivered, $"'{name}': {id} was delivered before and does not say so: {StoryOf(id)}");
        Assert.True(delivery.Entry.DeliveryCount >= fate.Deliveries || MayComeBack, $"'{name}': {id} was delivered {fate.Deliveries} times and says {delivery.Entry.DeliveryCount}: {StoryOf(id)}");
        Assert.False(
            Arguments.DeliveryLimit is >= 0 and var limit && delivery.Entry.DeliveryCount > limit,
            $"'{name}': {id} comes after {delivery.Entry.DeliveryCount} deliveries, and may come back {Arguments.DeliveryLimit} times: {StoryOf(id)}");
        Pause.OnDelivered(id);
        HoldTimes.Check(this, id, fate);
        if (fate.Source is { } source)
        {
            DeadLetterPaths.CheckDeath(source, this, id, delivery.Entry.Message);
        }
        else
        {
            CheckOrder(id, position);
        }

        fate.Position = position;
        fate.TakenBy ??= now().Milliseconds;
        fate.Returned = null;
        fate.Deliveries++;
    }

    /// <summary>A publisher's messages are in the queue in the order in which it has sent them.</summary>
    public void CheckOrder(MessageId id, ulong position)
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
        var missing = MayBeLostOnTheWay ? [] : _fates
            .Where(f => f.Value is { Confirmed: true, MaySettle: false } && !there.Contains(f.Key) && Departures.Reason(this, f.Key, f.Value) is null)
            .Select(f => f.Key).ToList();
        Assert.True(missing.Count <= mayMiss, $"'{name}': {missing.Count} confirmed messages are lost ({mayMiss} reported): {string.Join("; ", missing.Take(5).Select(StoryOf))}");
        var back = found.Where(id => _fates[id].Settled).ToList();
        Assert.True(back.Count == 0 || mayComeBack, $"'{name}': settled for certain and back: {string.Join("; ", back.Take(5).Select(StoryOf))}");
    }

    public string StoryOf(MessageId id) => _fates.TryGetValue(id, out var fate)
        ? $"{id} at {fate.Position} of '{name}' ({Arguments.ToTable()}): {string.Join(", ", fate.Story)}"
        : $"{id}, unknown to '{name}'";

    private MessageFate Find(MessageId id)
    {
        if (!_fates.TryGetValue(id, out var fate))
        {
            var source = Sources.Find(s => s.Fates.ContainsKey(id));
            Assert.True(source is not null, $"'{name}': {id} was never published here");
            fate = new MessageFate { Source = source, Properties = source.Fates[id].Properties is { } had ? had with { Delay = null, Expiration = null, MessageId = null } : null };
            _fates.Add(id, fate);
        }

        return fate;
    }
}
