using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Coordination.Embedded;

/// <summary>Builds the tree from what the log holds, and notes what of it cannot be read.</summary>
internal sealed class MetadataRecovery(ulong entity) : ILogRecoveryHandler
{
    private readonly List<string> _skipped = [];
    private long _neededFrom = -1; // position of the last checkpoint, or else of the first record
    private ulong _firstIndex;

    /// <summary>What was there.</summary>
    public MetadataTree Tree { get; private set; } = MetadataTree.Empty;

    /// <summary>Number of the last record, also if it is lost; 0 for none.</summary>
    public ulong LastIndex { get; private set; }

    /// <summary>Position behind the last checkpoint; 0 for none.</summary>
    public long CheckpointEnd { get; private set; }

    /// <summary>What could not be read, a sentence each.</summary>
    public IReadOnlyList<string> Skipped => _skipped;

    public void OnRecord(StoredRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var header = record.Header;
        _firstIndex = _firstIndex == 0 ? header.Index : _firstIndex;
        LastIndex = Math.Max(LastIndex, header.Index);
        _neededFrom = _neededFrom < 0 ? header.Position : _neededFrom;
        try
        {
            Take(header, record.Operations.Span);
        }
        catch (InvalidDataException e)
        {
            // Its checksum is right, so it is our own mistake, or somebody else's record. To go on without it is as bad as without a damaged one.
            Skip($"the record at position {header.Position} of the log cannot be understood: {e.Message}", header.Length);
        }
    }

    public void OnDamage(StoreDamage damage)
    {
        ArgumentNullException.ThrowIfNull(damage);
        Skip($"'{damage.File}' at offset {damage.Offset}, {damage.Length} bytes: {damage.Reason}", damage.Length);
    }

    public void OnLost(LostRecords lost)
    {
        LastIndex = Math.Max(LastIndex, lost.LastIndex);
        _skipped.Add($"records {lost.FirstIndex} to {lost.LastIndex} are missing");
        Tree = Tree.SkipRevisions((long)(lost.LastIndex - lost.FirstIndex + 1));
    }

    /// <inheritdoc/>
    /// <remarks>What a torn tail was, nobody was ever told.</remarks>
    public void OnTornTail(TornTail tail)
    {
    }

    public IEnumerable<(ulong Entity, long NeededFrom)> Complete()
    {
        if (CheckpointEnd == 0 && _firstIndex > 1)
        {
            _skipped.Add($"records 1 to {_firstIndex - 1} are missing, and no checkpoint stands for them");
        }

        return _neededFrom < 0 ? [] : [(entity, _neededFrom)];
    }

    private void Take(in RecordHeader header, ReadOnlySpan<byte> operations)
    {
        if (header.Entity != entity)
        {
            throw new InvalidDataException($"it is of entity {header.Entity}");
        }

        switch (header.Kind)
        {
            case RecordKind.Operations:
                Tree = MetadataEncoding.ReplayTransaction(Tree, operations);
                break;
            case RecordKind.Checkpoint:
                var tree = MetadataEncoding.DecodeCheckpoint(operations);
                Tree = tree.SkipRevisions(Math.Max(0, Tree.Revision - tree.Revision));
                _neededFrom = header.Position;
                CheckpointEnd = header.Position + header.Length;
                break;
            default:
                throw new InvalidDataException($"it is of kind {(int)header.Kind}");
        }
    }

    // A piece holds no more transactions than it has room for headers. Their revisions must not come again with another meaning.
    private void Skip(string what, long bytes)
    {
        _skipped.Add(what);
        Tree = Tree.SkipRevisions((bytes / RecordHeader.Size) + 1);
    }
}
