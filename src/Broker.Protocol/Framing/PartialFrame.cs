using System.Buffers;

namespace Broker.Protocol;

/// <summary>
/// The part of one large frame that has arrived. Without it, a frame that is longer than the stream's flow control window could never be
/// complete: bytes that wait unconsumed give no credit back. One per stream that is read; pass it to each <see cref="FrameReader"/> of that stream.
/// </summary>
/// <remarks>
/// The buffer grows with the bytes that came, never ahead of them by more than a factor of two, and goes back to the pool after each frame. Not thread-safe.
/// </remarks>
public sealed class PartialFrame : IDisposable
{
    /// <summary>Frames up to this payload size are left in the stream's buffer until they are complete; every window holds one.</summary>
    public const int ThresholdBytes = 8 << 10;

    private byte[]? _buffer;
    private int _length;
    private int _filled;
    private FrameType _type;

    /// <summary>Whether a frame is in the works.</summary>
    public bool IsPending => _buffer is not null;

    /// <summary>Bytes held for the frame in the works.</summary>
    public int BufferedBytes => _filled;

    /// <summary>Gives the buffer back. The object can be used again.</summary>
    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            _filled = 0;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal FrameType Type => _type;

    internal ReadOnlySpan<byte> Payload => _buffer.AsSpan(0, _filled);

    internal bool IsComplete => _buffer is not null && _filled == _length;

    internal int Missing => _length - _filled;

    internal void Begin(FrameType type, int length)
    {
        _type = type;
        _length = length;
        _filled = 0;
        _buffer = ArrayPool<byte>.Shared.Rent(Math.Min(length, 2 * ThresholdBytes));
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        var needed = _filled + bytes.Length;
        if (needed > _buffer!.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(_length, 2L * needed));
            _buffer.AsSpan(0, _filled).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        bytes.CopyTo(_buffer.AsSpan(_filled));
        _filled = needed;
    }
}
