namespace Broker.Storage.Segments;

/// <summary>Where a block of messages lies, and which they are.</summary>
/// <param name="Segment">Number of the segment file.</param>
/// <param name="Offset">Where the block begins in it.</param>
/// <param name="Length">Its length, in bytes.</param>
/// <param name="First">Position in the queue of its first message.</param>
/// <param name="Last">Position of its last; positions between may be missing.</param>
/// <param name="Count">Number of messages.</param>
/// <param name="MessageBytes">Bytes of the messages.</param>
public readonly record struct BlockLocation(uint Segment, long Offset, int Length, ulong First, ulong Last, int Count, long MessageBytes)
{
    /// <summary>Offset behind the block.</summary>
    public long End => (Offset + Length + Records.RecordHeader.Alignment - 1) & ~(Records.RecordHeader.Alignment - 1L);
}

/// <summary>Where a queue's next block goes.</summary>
/// <param name="Segment">Number of the segment file that is written; 0 if there is none yet.</param>
/// <param name="Length">Its length so far.</param>
/// <param name="LastSegment">The highest number that a segment of the queue has had; the next one gets one more.</param>
public readonly record struct SegmentCursor(uint Segment, long Length, uint LastSegment);
