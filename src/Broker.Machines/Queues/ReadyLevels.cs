using Broker.Machines.Ledgers;
using Broker.Machines.Messages;

namespace Broker.Machines.Queues;

/// <summary>The ready messages of a queue by priority: all of a higher one come before all of a lower one. A queue without priorities has one level.</summary>
internal sealed class ReadyLevels(int maxPriority)
{
    private ReadyMessages?[]? _levels; // made when they are first needed, as is each of them: most queues are empty
    private int _top; // no level above it has messages

    /// <summary>The highest level.</summary>
    public int Highest => maxPriority;

    /// <summary>Number of messages, absent ones included.</summary>
    public long Count => Sum(static l => l.Count);

    /// <summary>Number of messages in memory.</summary>
    public long LoadedCount => Sum(static l => l.LoadedCount);

    /// <summary>Sum of the sizes of the messages in memory.</summary>
    public long LoadedBytes => Sum(static l => l.LoadedBytes);

    /// <summary>The position to read from, so that what goes first comes first; 0 if everything is in memory.</summary>
    public ulong FirstAbsent
    {
        get
        {
            for (var i = _top; i >= 0; i--)
            {
                if (At(i) is { FirstAbsent: > 0 and var first })
                {
                    return first;
                }
            }

            return 0;
        }
    }

    /// <summary>Bytes in memory that come before any absent message that was never handed out.</summary>
    public long ReadyToGoBytes
    {
        get
        {
            long bytes = 0;
            for (var i = _top; i >= 0; i--)
            {
                bytes += At(i)?.ReadyToGoBytes ?? 0;
                if (At(i) is { FirstAbsent: > 0 })
                {
                    break;
                }
            }

            return bytes;
        }
    }

    /// <summary>Size of the message that is next; zero if there is none, or it is absent.</summary>
    public int NextSizeBytes => Top.NextSizeBytes;

    /// <summary>The level of the message that is next.</summary>
    public int TopLevel
    {
        get
        {
            while (_top > 0 && At(_top) is not { Count: > 0 })
            {
                _top--;
            }

            return _top;
        }
    }

    /// <summary>Those that were made so far.</summary>
    private ReadOnlySpan<ReadyMessages?> Made => _levels;

    private ReadyMessages Top => Level(TopLevel);

    /// <summary>The level that a message belongs to.</summary>
    public int LevelOf(in StoredMessage message) => maxPriority == 0 ? 0 : Math.Min(message.Meta.Priority, Highest);

    /// <summary>The messages of a level; <c>null</c> if it never had any.</summary>
    public ReadyMessages? At(int level) => _levels?[level];

    public void Append(in QueueEntry entry) => Level(LevelOf(entry.Message)).Append(entry);

    /// <summary>Takes back a message that was taken out, with its bytes or without.</summary>
    public void Return(in QueueEntry entry) => Level(LevelOf(entry.Message)).Return(entry);

    /// <summary>Takes in messages of which only the positions are known.</summary>
    public void AddAbsent(in LiveRange range) => Level(Math.Min(range.Priority, Highest)).AddAbsent(range);

    /// <summary>The message that is next; of one that is absent, only the position counts.</summary>
    public ref readonly QueueEntry Front(out TakeResult result) => ref Top.Front(out result);

    /// <summary>The position of the message that is next; 0 if there is none.</summary>
    public ulong FrontPosition => Front(out _).Position;

    public TakeResult TryTake(out QueueEntry entry) => Top.TryTake(out entry);

    /// <summary>Takes one out by its position; without a size if it is absent.</summary>
    public bool TryRemove(ulong position, out QueueEntry entry)
    {
        entry = default;
        foreach (var level in Made)
        {
            if (level is not null && level.TryRemove(position, out entry))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The messages were read: those that are absent here join the ones in memory.</summary>
    public void Load(IReadOnlyList<(ulong Position, StoredMessage Message)> messages)
    {
        foreach (var level in Made)
        {
            level?.Load(messages);
        }
    }

    /// <summary>Those of the positions that are still absent cannot be read: they are given up.</summary>
    public List<PositionRange> Lose(ulong first, ulong last)
    {
        var lost = new List<PositionRange>();
        foreach (var level in Made)
        {
            lost.AddRange(level?.Lose(first, last) ?? []);
        }

        return lost;
    }

    /// <summary>Leaves bytes to the disk until no more than so many are in memory; those that go last leave first.</summary>
    public void Unload(long keepBytes, long keepMessages)
    {
        for (var i = TopLevel; i >= 0; i--)
        {
            if (At(i) is { } level)
            {
                level.Unload(keepBytes, keepMessages);
                keepBytes = Math.Max(0, keepBytes - level.LoadedBytes);
                keepMessages = Math.Max(0, keepMessages - level.LoadedCount);
            }
        }
    }

    /// <summary>The first messages in order, without taking them, as far as they are in memory.</summary>
    /// <param name="count">How many.</param>
    /// <param name="complete"><c>false</c> if there are more, which must be read first.</param>
    public IReadOnlyList<QueueEntry> Peek(int count, out bool complete)
    {
        var result = Top.Peek(count, out complete);
        if (TopLevel == 0)
        {
            return result;
        }

        var all = result.ToList();
        for (var i = TopLevel - 1; i >= 0 && complete && all.Count < count; i--)
        {
            if (At(i) is { } level)
            {
                all.AddRange(level.Peek(count - all.Count, out complete));
            }
        }

        return all;
    }

    /// <summary>The positions of all messages.</summary>
    public List<PositionRange> Positions()
    {
        var positions = new List<PositionRange>();
        foreach (var level in Made)
        {
            positions.AddRange(level?.Positions() ?? []);
        }

        return positions;
    }

    /// <summary>Drops everything and says how many that were.</summary>
    public long Clear() => Sum(static l => l.Clear());

    private ReadyMessages Level(int level)
    {
        _top = Math.Max(_top, level);
        _levels ??= new ReadyMessages?[maxPriority + 1];
        return _levels[level] ??= new ReadyMessages();
    }

    private long Sum(Func<ReadyMessages, long> of)
    {
        if (maxPriority == 0)
        {
            return At(0) is { } only ? of(only) : 0;
        }

        long sum = 0;
        foreach (var level in Made)
        {
            sum += level is null ? 0 : of(level);
        }

        return sum;
    }
}
