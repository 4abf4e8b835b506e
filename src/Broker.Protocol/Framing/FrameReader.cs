using System.Buffers;

namespace Broker.Protocol;

/// <summary>What <see cref="FrameReader.TryRead"/> found.</summary>
public enum FrameReadStatus
{
    /// <summary>A whole frame.</summary>
    Frame,

    /// <summary>The buffer ends before the next frame does.</summary>
    NeedMore,

    /// <summary>The bytes cannot be a frame that is allowed here; the stream is over.</summary>
    Fault,
}

/// <summary>
/// Cuts a buffer into frames (docs/protocol.md, section 4). Payloads are contiguous: straight from the buffer where the frame lies in one segment,
/// else copied once into a pooled array. A length is checked against the limit as soon as it is readable.
/// </summary>
/// <remarks>
/// Make one for each buffer that a read returned, call <see cref="TryRead"/> until it gives no frame, then advance the stream to <see cref="Consumed"/>
/// (examined:
/// the buffer's end) and dispose. Payload spans are valid until the next call.
/// </remarks>
public ref struct FrameReader
{
    private const int MaxHeaderSize = 2 * Varint.MaxSize;

    private readonly ReadOnlySequence<byte> _buffer;
    private readonly PartialFrame? _partial;
    private readonly int _maxPayload;
    private ReadOnlySpan<byte> _segment;
    private int _offset;
    private SequencePosition _segmentStart;
    private SequencePosition _next;
    private long _remaining;
    private byte[]? _scratch;

    /// <summary>Starts at the beginning of <paramref name="buffer"/>.</summary>
    /// <param name="buffer">Bytes of the stream, from the last <see cref="Consumed"/> on.</param>
    /// <param name="maxPayload">Longest payload to take, in bytes. A longer frame is a <see cref="ErrorCode.FrameTooLarge"/> fault.</param>
    /// <param name="partial">Where a large frame gathers across buffers; <c>null</c> if frames are known to be smaller than the stream's window.</param>
    public FrameReader(ReadOnlySequence<byte> buffer, int maxPayload, PartialFrame? partial = null)
    {
        _buffer = buffer;
        _maxPayload = maxPayload;
        _partial = partial;
        _remaining = buffer.Length;
        _segmentStart = buffer.Start;
        _next = buffer.Start;
        MoveToNextSegment();
    }

    /// <summary>The position after the last frame that was returned, or after what <see cref="PartialFrame"/> took.</summary>
    public readonly SequencePosition Consumed => _buffer.GetPosition(_offset, _segmentStart);

    /// <summary>Reads the next frame.</summary>
    /// <param name="type">The frame's type; whether it is known is for the caller to check.</param>
    /// <param name="payload">The payload, valid until the next call or <see cref="Dispose"/>.</param>
    /// <param name="fault">With <see cref="FrameReadStatus.Fault"/>, what is wrong.</param>
    public FrameReadStatus TryRead(out FrameType type, out ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        fault = default;
        if (_partial is { IsPending: true })
        {
            return ContinuePartial(out type, out payload);
        }

        if (_offset == _segment.Length)
        {
            Skip(0);
        }

        var rest = _segment[_offset..];
        if (Varint.TryRead(rest, out var typeValue, out var typeSize) && Varint.TryRead(rest[typeSize..], out var length, out var lengthSize))
        {
            type = (FrameType)typeValue;
            var header = typeSize + lengthSize;
            if (length <= (ulong)_maxPayload && (ulong)(rest.Length - header) >= length)
            {
                payload = rest.Slice(header, (int)length);
                _offset += header + (int)length;
                _remaining -= header + (int)length;
                return FrameReadStatus.Frame;
            }
        }

        return TryReadAcrossSegments(out type, out payload, out fault);
    }

    /// <summary>Gives pooled memory back.</summary>
    public void Dispose()
    {
        ReturnScratch();
        if (_partial is { IsComplete: true })
        {
            _partial.Dispose();
        }
    }

    private FrameReadStatus TryReadAcrossSegments(out FrameType type, out ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        fault = default;
        payload = default;
        type = default;

        Span<byte> head = stackalloc byte[MaxHeaderSize];
        var rest = _buffer.Slice(Consumed);
        var available = (int)Math.Min(_remaining, MaxHeaderSize);
        rest.Slice(0, available).CopyTo(head);
        if (!Varint.TryRead(head[..available], out var typeValue, out var typeSize)
            || !Varint.TryRead(head[typeSize..available], out var length, out var lengthSize))
        {
            return FrameReadStatus.NeedMore;
        }

        type = (FrameType)typeValue;
        if (length > (ulong)_maxPayload)
        {
            fault = new FrameFault(ErrorCode.FrameTooLarge, $"frame type 0x{typeValue:x} has {length} bytes; at most {_maxPayload} are allowed here");
            return FrameReadStatus.Fault;
        }

        var header = typeSize + lengthSize;
        var size = (int)length;
        if (_remaining - header >= size)
        {
            Skip(header);
            if (_scratch is null || _scratch.Length < size)
            {
                ReturnScratch();
                _scratch = ArrayPool<byte>.Shared.Rent(size);
            }

            CopyOut(_scratch.AsSpan(0, size));
            payload = _scratch.AsSpan(0, size);
            return FrameReadStatus.Frame;
        }

        if (_partial is not null && size > PartialFrame.ThresholdBytes)
        {
            Skip(header);
            _partial.Begin(type, size);
            return ContinuePartial(out type, out payload);
        }

        return FrameReadStatus.NeedMore;
    }

    private FrameReadStatus ContinuePartial(out FrameType type, out ReadOnlySpan<byte> payload)
    {
        if (_partial!.IsComplete)
        {
            // It was returned by the call before this one.
            _partial.Dispose();
            return TryRead(out type, out payload, out _);
        }

        while (_partial.Missing > 0 && _remaining > 0)
        {
            var take = Math.Min(_partial.Missing, _segment.Length - _offset);
            _partial.Append(_segment.Slice(_offset, take));
            Skip(take);
        }

        type = _partial.Type;
        payload = _partial.IsComplete ? _partial.Payload : default;
        return _partial.IsComplete ? FrameReadStatus.Frame : FrameReadStatus.NeedMore;
    }

    private void ReturnScratch()
    {
        if (_scratch is { } scratch)
        {
            _scratch = null;
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private void CopyOut(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var take = Math.Min(destination.Length, _segment.Length - _offset);
            _segment.Slice(_offset, take).CopyTo(destination);
            destination = destination[take..];
            Skip(take);
        }
    }

    /// <summary>Moves on by up to what is left, into a segment with bytes if there is one.</summary>
    private void Skip(int count)
    {
        _remaining -= count;
        while (true)
        {
            var step = Math.Min(count, _segment.Length - _offset);
            _offset += step;
            count -= step;
            if (_offset < _segment.Length || _remaining + count == 0)
            {
                return;
            }

            MoveToNextSegment();
        }
    }

    private void MoveToNextSegment()
    {
        var start = _next;
        while (_buffer.TryGet(ref _next, out var memory))
        {
            _segmentStart = start;
            _segment = memory.Span;
            _offset = 0;
            if (!memory.IsEmpty)
            {
                return;
            }

            start = _next;
        }
    }
}
