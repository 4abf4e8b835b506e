using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>
/// Messages that have died and wait to be dead-lettered, in the order in which they died. A bounded number is under way at a time; the others wait, with their bytes or without.
/// </summary>
internal sealed class DeadLetters
{
    private readonly SortedDictionary<ulong, Dead> _waiting = []; // by sequence
    private readonly Dictionary<ulong, Dead> _underWay = [];
    private readonly HashSet<ulong> _loaded = []; // sequences of those that wait with their bytes
    private readonly Dictionary<ulong, ulong> _absent = []; // position to sequence, of those that wait without their bytes

    private readonly record struct Dead(QueueEntry Entry, DeadLetterReason Reason, string Text, long At);

    /// <summary>All of them.</summary>
    public int Count => _waiting.Count + _underWay.Count;

    /// <summary>Those that were sent off and are not certain at their new place.</summary>
    public int UnderWayCount => _underWay.Count;

    /// <summary>Bytes of those.</summary>
    public long UnderWayBytes { get; private set; }

    /// <summary>Bytes of all, wherever they are.</summary>
    public long SizeBytes { get; private set; }

    /// <summary>Bytes of those that wait in memory.</summary>
    public long LoadedBytes { get; private set; }

    /// <summary>The position of the next one if it must be read first; else 0.</summary>
    public ulong NextAbsent => _absent.Count > 0 && First is { Entry: var entry } && !entry.Message.IsLoaded ? entry.Position : 0;

    private Dead? First
    {
        get
        {
            foreach (var (_, first) in _waiting)
            {
                return first;
            }

            return null;
        }
    }

    public void Add(in DeadMark mark, in QueueEntry entry)
    {
        _waiting.Add(mark.Sequence, new Dead(entry, mark.Reason, mark.Text, mark.At));
        SizeBytes += entry.Message.SizeBytes;
        if (entry.Message.IsLoaded)
        {
            LoadedBytes += entry.Message.SizeBytes;
            _loaded.Add(mark.Sequence);
        }
        else
        {
            _absent.Add(entry.Position, mark.Sequence);
        }
    }

    /// <summary>Sends the next one off, if it is in memory.</summary>
    public bool TryTake(out DeadMessage message)
    {
        foreach (var (sequence, dead) in _waiting)
        {
            if (!dead.Entry.Message.IsLoaded)
            {
                break;
            }

            _waiting.Remove(sequence);
            _loaded.Remove(sequence);
            var size = dead.Entry.Message.SizeBytes;
            LoadedBytes -= size;
            UnderWayBytes += size;
            _underWay.Add(sequence, dead with { Entry = dead.Entry with { Message = dead.Entry.Message.WithoutBytes() } });
            message = new DeadMessage(sequence, dead.Entry, dead.Reason, dead.Text, dead.At);
            return true;
        }

        message = default;
        return false;
    }

    /// <summary>One that is under way has arrived, or nobody takes it.</summary>
    public bool TryComplete(ulong sequence, out QueueEntry entry)
    {
        var isKnown = _underWay.Remove(sequence, out var dead);
        entry = dead.Entry;
        if (isKnown)
        {
            SizeBytes -= entry.Message.SizeBytes;
            UnderWayBytes -= entry.Message.SizeBytes;
        }

        return isKnown;
    }

    /// <summary>The messages were read: those that wait for it take their bytes, as far as there is room, and the first one in any case.</summary>
    public void Load(IReadOnlyList<(ulong Position, StoredMessage Message)> messages, long maxBytes)
    {
        if (_absent.Count == 0)
        {
            return;
        }

        var next = NextAbsent;
        foreach (var (position, message) in messages)
        {
            if ((position == next || LoadedBytes + message.SizeBytes <= maxBytes) && _absent.Remove(position, out var sequence))
            {
                var dead = _waiting[sequence];
                SizeBytes += message.SizeBytes - dead.Entry.Message.SizeBytes; // which was not known if the message died unread
                LoadedBytes += message.SizeBytes;
                _loaded.Add(sequence);
                _waiting[sequence] = dead with { Entry = dead.Entry with { Message = message } };
            }
        }
    }

    /// <summary>Gives up those of the positions that are on disk only and were not read.</summary>
    public List<PositionRange> Lose(ulong first, ulong last, Func<ulong, bool> wasRead)
    {
        var lost = _absent.Where(a => a.Key >= first && a.Key <= last && !wasRead(a.Key)).OrderBy(a => a.Key).ToList();
        var ranges = new List<PositionRange>();
        foreach (var (position, sequence) in lost)
        {
            _absent.Remove(position);
            _waiting.Remove(sequence, out var dead);
            SizeBytes -= dead.Entry.Message.SizeBytes;
            PositionRange.Append(ranges, position);
        }

        return ranges;
    }

    /// <summary>Leaves all bytes to the disk.</summary>
    public void Unload()
    {
        foreach (var sequence in _loaded)
        {
            var dead = _waiting[sequence];
            _waiting[sequence] = dead with { Entry = dead.Entry with { Message = dead.Entry.Message.WithoutBytes() } };
            _absent.Add(dead.Entry.Position, sequence);
        }

        _loaded.Clear();
        LoadedBytes = 0;
    }

    public void Clear()
    {
        _waiting.Clear();
        _underWay.Clear();
        _absent.Clear();
        _loaded.Clear();
        SizeBytes = LoadedBytes = UnderWayBytes = 0;
    }
}
