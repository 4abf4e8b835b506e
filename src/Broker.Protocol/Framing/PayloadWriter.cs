using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Broker.Protocol;

/// <summary>
/// Writes the fields of one payload in order, or only measures them: a codec describes its fields once, and the frame's length is known before its bytes are
/// written.
/// </summary>
internal ref struct PayloadWriter
{
    private readonly Span<byte> _destination;
    private readonly bool _writing;

    private PayloadWriter(Span<byte> destination, bool writing)
    {
        _destination = destination;
        _writing = writing;
    }

    public int Length { get; private set; }

    public static PayloadWriter Measure() => new(default, writing: false);

    public static PayloadWriter To(Span<byte> destination) => new(destination, writing: true);

    public void Number(ulong value) => Length += _writing ? Varint.Write(_destination[Length..], value) : Varint.SizeOf(value);

    public void Number(int value) => Number((ulong)value);

    public void Byte(byte value)
    {
        if (_writing)
        {
            _destination[Length] = value;
        }

        Length++;
    }

    public void UInt64(ulong value)
    {
        if (_writing)
        {
            BinaryPrimitives.WriteUInt64BigEndian(_destination[Length..], value);
        }

        Length += 8;
    }

    public void Guid(Guid value)
    {
        if (_writing)
        {
            value.TryWriteBytes(_destination[Length..], bigEndian: true, out _);
        }

        Length += 16;
    }

    public void Raw(scoped ReadOnlySpan<byte> bytes)
    {
        if (_writing)
        {
            bytes.CopyTo(_destination[Length..]);
        }

        Length += bytes.Length;
    }

    public void Bytes(scoped ReadOnlySpan<byte> bytes)
    {
        Number(bytes.Length);
        Raw(bytes);
    }

    public void Text(string field, string value, int max)
    {
        ArgumentNullException.ThrowIfNull(value, field);
        var size = Encoding.UTF8.GetByteCount(value);
        if (size > max)
        {
            throw new ArgumentException($"{size} bytes of UTF-8; at most {max} are allowed", field);
        }

        Number(size);
        if (_writing)
        {
            Encoding.UTF8.GetBytes(value, _destination[Length..]);
        }

        Length += size;
    }

    public void Name(string field, string value) => Text(field, value, ProtocolLimits.MaxNameBytes);

    /// <summary>A reason is often somebody else's text: it is cut at a character rather than refused.</summary>
    public void Reason(string? value)
    {
        Span<byte> utf8 = stackalloc byte[ProtocolLimits.MaxReasonBytes];
        Utf8.FromUtf16(value ?? "", utf8, out _, out var written);
        Bytes(utf8[..written]);
    }
}

/// <summary>A frame that describes its own fields.</summary>
internal interface IFrame
{
    void WritePayload(ref PayloadWriter writer);
}
