using Broker.Storage.Disks;
using Broker.Storage.Records;

namespace Broker.Storage.Segments;

/// <summary>Writes messages of a queue that came from elsewhere into segments. Nothing counts before <see cref="Finish"/> has returned. Blocks; one writer a queue at a time.</summary>
public sealed class SnapshotWriter : IDisposable
{
    private readonly SegmentWriter _writer;

    internal SnapshotWriter(SegmentStore segments, ulong queue, SegmentCursor cursor, SegmentOptions options) => _writer = new SegmentWriter(segments, queue, cursor, options);

    /// <summary>Adds a message. Its bytes are not to change before <see cref="Finish"/>.</summary>
    /// <param name="position">Its position in the queue; higher than that of the one before.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="meta">What is kept beside them.</param>
    /// <exception cref="DiskException">The disk failed.</exception>
    public void Add(ulong position, ReadOnlyMemory<byte> bytes, ulong meta) =>
        _writer.Add(new StoredRecordMessage(position, bytes, meta, Crc32C.Compute(bytes.Span), StoredMessageState.Intact));

    /// <summary>Writes what is left and has everything on the disk.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public MessageCopyResult Finish()
    {
        _writer.Finish();
        return new MessageCopyResult(_writer.Blocks, _writer.Cursor, []);
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();
}
