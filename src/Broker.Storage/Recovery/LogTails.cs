using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Recovery;

/// <summary>
/// Follows the numbers of each entity's records, and reports those that are missing. In a replicated shard it is the shard that is followed, whose numbers have no gaps either and
/// go back where its state says so.
/// </summary>
internal sealed class LogTails(ILogRecoveryHandler handler)
{
    private readonly Dictionary<ulong, EntityTail> _tails = [];
    private readonly SortedDictionary<ulong, EntityTail> _unseen = []; // entities that a mark has and no record was seen of yet

    /// <summary>The next record that could be read.</summary>
    public void Follow(in RecordHeader header)
    {
        if (header.IsReplicated)
        {
            Follow(ShardEntity.Of(header.Shard), header.ShardIndex, firstPosition: 0, messageCount: 0);
        }
        else if (header.Kind == RecordKind.Checkpoint && ShardEntity.Is(header.Entity))
        {
            _unseen.Remove(header.Entity);
            _tails[header.Entity] = new EntityTail(header.Entity, header.Index, NextPosition: 0);
        }
        else if (header.Kind != RecordKind.Checkpoint || header.ShardIndex == 0)
        {
            Follow(header.Entity, header.Index, header.FirstPosition, header.MessageCount);
            if (header.Kind == RecordKind.Deleted)
            {
                _tails.Remove(header.Entity); // a node of a cluster may get the queue back, at another record
            }
        }
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

    private void Follow(ulong entity, ulong index, ulong firstPosition, int messageCount)
    {
        // What came before an entity's first record here was retired with its file.
        if (_tails.TryGetValue(entity, out var tail) && index > tail.Index + 1)
        {
            handler.OnLost(new LostRecords(entity, tail.Index + 1, index - 1, tail.NextPosition, Math.Max(tail.NextPosition, firstPosition)));
        }

        _unseen.Remove(entity);
        _tails[entity] = new EntityTail(entity, index, Math.Max(firstPosition + (ulong)messageCount, tail.NextPosition));
    }

    private void Lose(EntityTail known, EntityTail expected)
    {
        var end = Math.Max(known.NextPosition, expected.NextPosition);
        handler.OnLost(new LostRecords(expected.Entity, known.Index + 1, expected.Index, known.NextPosition, end));
        _tails[expected.Entity] = expected with { NextPosition = end };
    }
}
