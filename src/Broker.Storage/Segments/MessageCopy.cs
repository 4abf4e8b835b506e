using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Segments;

/// <summary>A record that holds messages: a block of a segment, or a record of the log.</summary>
/// <param name="LogPosition">Where it is in the log; -1 for a block.</param>
/// <param name="LogLength">Its length there.</param>
/// <param name="Block">Where it is in a segment.</param>
public readonly record struct MessageSource(long LogPosition, int LogLength, BlockLocation Block)
{
    /// <summary>A record of the log.</summary>
    public static MessageSource InLog(long position, int length) => new(position, length, default);

    /// <summary>A block of a segment.</summary>
    public static MessageSource In(in BlockLocation block) => new(-1, 0, block);
}

/// <summary>What a copy has made.</summary>
/// <param name="Blocks">The blocks that now hold the messages, on the disk.</param>
/// <param name="Cursor">Where the next block goes.</param>
/// <param name="Unreadable">Positions of messages that were to be copied and could not be read.</param>
public sealed record MessageCopyResult(IReadOnlyList<BlockLocation> Blocks, SegmentCursor Cursor, IReadOnlyList<ulong> Unreadable);

/// <summary>Copies those messages of some records that are still needed into segments: out of log files that are given up, and out of segments that have become mostly empty.</summary>
public sealed class MessageCopy
{
    private readonly WriteAheadLog _log;
    private readonly SegmentStore _segments;
    private readonly SegmentOptions _options;

    internal MessageCopy(WriteAheadLog log, SegmentStore segments, SegmentOptions options)
    {
        _log = log;
        _segments = segments;
        _options = options;
    }

    /// <summary>Copies. Blocks; call it from a thread that may wait.</summary>
    /// <param name="queue">Whose messages.</param>
    /// <param name="sources">The records, in order of position.</param>
    /// <param name="needed">Positions to copy: ranges with both ends included, in order.</param>
    /// <param name="cursor">Where the first block goes. What lies behind it counts as not written.</param>
    /// <exception cref="DiskException">Nothing has changed that counts.</exception>
    public MessageCopyResult Run(ulong queue, IEnumerable<MessageSource> sources, IReadOnlyList<(ulong First, ulong Last)> needed, SegmentCursor cursor)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(needed);
        var unreadable = new List<ulong>();
        var range = 0;
        ulong next = 0; // the lowest position that was not looked at
        using var writer = new SegmentWriter(_segments, queue, cursor, _options);
        foreach (var source in sources)
        {
            if (Read(queue, source) is not { IsControlIntact: true } record)
            {
                continue; // what is missing shows when the next position comes
            }

            foreach (var message in record.Messages())
            {
                while (range < needed.Count && needed[range].Last < message.Position)
                {
                    AddMissing(unreadable, needed[range++], ref next, ulong.MaxValue);
                }

                if (range == needed.Count || message.Position < Math.Max(next, needed[range].First))
                {
                    continue; // not needed, or copied before: after damage, blocks may be listed that were written twice
                }

                AddMissing(unreadable, needed[range], ref next, message.Position);
                next = message.Position + 1;
                if (message.State == StoredMessageState.Intact)
                {
                    writer.Add(message);
                }
                else
                {
                    unreadable.Add(message.Position);
                }
            }
        }

        for (; range < needed.Count; range++)
        {
            AddMissing(unreadable, needed[range], ref next, ulong.MaxValue);
        }

        writer.Finish();
        return new MessageCopyResult(writer.Blocks, writer.Cursor, unreadable);
    }

    /// <summary>Reads a record that holds messages.</summary>
    /// <returns><c>null</c> if it is no longer there, or cannot be read.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public StoredRecord? Read(ulong queue, in MessageSource source) =>
        source.LogPosition >= 0 ? _log.Read(source.LogPosition, source.LogLength) : _segments.Read(queue, source.Block);

    private static void AddMissing(List<ulong> missing, (ulong First, ulong Last) range, ref ulong next, ulong end)
    {
        for (var position = Math.Max(next, range.First); position < end && position <= range.Last; position++)
        {
            missing.Add(position);
        }

        next = Math.Max(next, Math.Min(end, range.Last + 1));
    }
}
