using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Segments;

/// <summary>Writes messages of one queue into blocks, and blocks into segments. Nothing counts before <see cref="Finish"/> has returned.</summary>
internal sealed class SegmentWriter(SegmentStore store, ulong queue, SegmentCursor cursor, SegmentOptions options) : IDisposable
{
    private readonly List<BlockLocation> _blocks = [];
    private readonly List<StoredRecordMessage> _messages = [];
    private SegmentCursor _cursor = cursor;
    private IDiskFile? _file;
    private long _bytes;

    /// <summary>Blocks written.</summary>
    public IReadOnlyList<BlockLocation> Blocks => _blocks;

    /// <summary>Where the next block goes.</summary>
    public SegmentCursor Cursor => _cursor;

    /// <summary>Adds a message. Positions ascend.</summary>
    public void Add(in StoredRecordMessage message)
    {
        var apart = _messages.Count > 0 && message.Position - _messages[0].Position > uint.MaxValue;
        if (apart || _messages.Count >= options.MaxBlockMessages || (_messages.Count > 0 && _bytes + message.Bytes.Length > options.BlockBytes))
        {
            WriteBlock();
        }

        _messages.Add(message);
        _bytes += message.Bytes.Length;
    }

    /// <summary>Writes what is left and has everything on the disk.</summary>
    public void Finish()
    {
        WriteBlock();
        _file?.Sync();
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private void WriteBlock()
    {
        if (_messages.Count == 0)
        {
            return;
        }

        if (_file is null && _cursor.Segment != 0 && _cursor.Length < options.SegmentBytes)
        {
            _file = store.TryOpen(queue, _cursor.Segment); // if it is missing, what was in it is lost, and the rest goes into the next one
        }

        if (_file is null || _cursor.Length >= options.SegmentBytes)
        {
            _file?.Sync();
            _file?.Dispose();
            _file = null;
            var next = _cursor.LastSegment + 1;
            _file = store.Begin(queue, next);
            _cursor = new SegmentCursor(next, FileHeader.Size, next);
        }

        var head = new byte[RecordHeader.Size + (_messages.Count * MessageTableEntry.Size)];
        var table = head.AsSpan(RecordHeader.Size);
        for (var i = 0; i < _messages.Count; i++)
        {
            var message = _messages[i];
            new MessageTableEntry((uint)(message.Position - _messages[0].Position), message.Bytes.Length, message.Checksum, message.Meta).Write(table[(i * MessageTableEntry.Size)..]);
        }

        var header = new RecordHeader
        {
            Kind = RecordKind.Block,
            Version = RecordHeader.CurrentVersion,
            Position = _cursor.Length,
            SyncedDistance = RecordHeader.UnknownDistance,
            Entity = queue,
            Index = _messages[^1].Position,
            FirstPosition = _messages[0].Position,
            MessageCount = _messages.Count,
            ControlBytes = table.Length,
            ControlChecksum = Crc32C.Compute(table),
            BodyBytes = (int)_bytes,
        };
        header.Write(head, store.Key);
        List<ReadOnlyMemory<byte>> pieces = [head, .. _messages.Select(m => m.Bytes), new byte[header.PaddedLength - header.Length]];
        _file.Write(_cursor.Length, pieces);
        var block = SegmentStore.LocationOf(_cursor.Segment, header);
        _blocks.Add(block);
        _cursor = _cursor with { Length = block.End };
        _messages.Clear();
        _bytes = 0;
    }
}
