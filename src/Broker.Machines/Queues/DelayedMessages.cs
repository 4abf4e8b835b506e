using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>
/// Messages that are held back until a time: those whose publisher wanted it, and those that came back and pause. Their bytes may be left to the disk all at once; then they are read again
/// when their time has come.
/// </summary>
internal sealed class DelayedMessages
{
    private readonly PriorityQueue<ulong, (long Due, ulong Position)> _order = new(); // those that have left are passed over
    private readonly Dictionary<ulong, Held> _held = [];
    private readonly Dictionary<ulong, StoredMessage> _loaded = [];

    private readonly record struct Held(long Due, StoredMessage Message, int DeliveryCount); // without bytes

    public int Count => _held.Count;

    /// <summary>Bytes of all, wherever they are.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Bytes of those in memory.</summary>
    public long LoadedBytes { get; private set; }

    /// <summary>When the next one is due; <c>null</c> if there is none.</summary>
    public long? NextDue
    {
        get
        {
            SkipGone();
            return _order.TryPeek(out _, out var next) ? next.Due : null;
        }
    }

    public IEnumerable<ulong> Positions => _held.Keys;

    public void Add(in QueueEntry entry, long due, bool keepBytes)
    {
        _held.Add(entry.Position, new Held(due, entry.Message.WithoutBytes(), entry.DeliveryCount));
        _order.Enqueue(entry.Position, (due, entry.Position));
        SizeBytes += entry.Message.SizeBytes;
        if (keepBytes && entry.Message.IsLoaded)
        {
            _loaded.Add(entry.Position, entry.Message);
            LoadedBytes += entry.Message.SizeBytes;
        }
    }

    /// <summary>Takes the next one whose time has come.</summary>
    public bool TryTakeDue(long now, out QueueEntry entry)
    {
        SkipGone();
        entry = default;
        return _order.TryPeek(out var position, out var next) && next.Due <= now && TryRemove(position, out entry);
    }

    public bool TryRemove(ulong position, out QueueEntry entry)
    {
        entry = default;
        if (!_held.Remove(position, out var held))
        {
            return false;
        }

        SizeBytes -= held.Message.SizeBytes;
        if (_loaded.Remove(position, out var message))
        {
            LoadedBytes -= message.SizeBytes;
        }

        entry = new QueueEntry(position, message.Bytes.IsEmpty ? held.Message : message, held.DeliveryCount);
        return true;
    }

    /// <summary>Leaves all bytes to the disk.</summary>
    public void Unload()
    {
        _loaded.Clear();
        _loaded.TrimExcess();
        LoadedBytes = 0;
    }

    /// <summary>Gives up those of the positions that are on disk only and were not read.</summary>
    public List<PositionRange> Lose(ulong first, ulong last, Func<ulong, bool> wasRead)
    {
        var lost = _held.Count == 0 ? [] : _held.Keys.Where(p => p >= first && p <= last && !_loaded.ContainsKey(p) && !wasRead(p)).Order().ToList();
        var ranges = new List<PositionRange>();
        foreach (var position in lost)
        {
            TryRemove(position, out _);
            PositionRange.Append(ranges, position);
        }

        return ranges;
    }

    /// <summary>The next ones in the order in which they are due.</summary>
    public IReadOnlyList<(long Due, QueueEntry Entry)> Peek(int count) =>
    [
        .. _held.Select(h => (h.Value.Due, Entry: new QueueEntry(h.Key, _loaded.GetValueOrDefault(h.Key, h.Value.Message), h.Value.DeliveryCount)))
            .OrderBy(h => h.Due).ThenBy(h => h.Entry.Position).Take(count),
    ];

    public void Clear()
    {
        _order.Clear();
        _order.TrimExcess();
        _held.Clear();
        _held.TrimExcess();
        Unload();
        SizeBytes = 0;
    }

    /// <summary>A position may have been held before, and may be again with another time.</summary>
    private void SkipGone()
    {
        while (_order.TryPeek(out var position, out var next) && !(_held.TryGetValue(position, out var held) && held.Due == next.Due))
        {
            _order.Dequeue();
        }
    }
}
