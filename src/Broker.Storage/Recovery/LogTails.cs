using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Recovery;

/// <summary>Follows the numbers of each entity's records, and reports those that are missing.</summary>
internal sealed class LogTails(ILogRecoveryHandler handler)
{
    private readonly Dictionary<ulong, EntityTail> _tails = [];
    private readonly SortedDictionary<ulong, EntityTail> _unseen = []; // entities that a mark has and no record was seen of yet

    /// <summary>The next record that could be read.</summary>
    public void Follow(in RecordHeader header)
    {
        // What came before an entity's first record here was retired with its file.
        if (_tails.TryGetValue(header.Entity, out var tail) && header.Index > tail.Index + 1)
        {
            handler.OnLost(new LostRecords(header.Entity, tail.Index + 1, header.Index - 1, tail.NextPosition, Math.Max(tail.NextPosition, header.FirstPosition)));
        }

        _unseen.Remove(header.Entity);
        _tails[header.Entity] = new EntityTail(header.Entity, header.Index, Math.Max(header.FirstPosition + (ulong)header.MessageCount, tail.NextPosition));
    }

    /// <summary>A mark says how far entities must be.</summary>
    public void CheckMark(StoredRecord mark)
    {
        foreach (var expected in LogMark.Tails(mark.Operations))
        {
            if (!_tails.TryGetValue(expected.Entity, out var known))
            {
                _unseen[expected.Entity] = expected;
            }
            else if (known.Index < expected.Index)
            {
                Lose(known, expected);
            }
        }
    }

    /// <summary>All was read: whoever a mark has and nobody saw is lost as a whole.</summary>
    public void Complete()
    {
        foreach (var expected in _unseen.Values)
        {
            Lose(default, expected);
        }
    }

    private void Lose(EntityTail known, EntityTail expected)
    {
        var end = Math.Max(known.NextPosition, expected.NextPosition);
        handler.OnLost(new LostRecords(expected.Entity, known.Index + 1, expected.Index, known.NextPosition, end));
        _tails[expected.Entity] = expected with { NextPosition = end };
    }
}
