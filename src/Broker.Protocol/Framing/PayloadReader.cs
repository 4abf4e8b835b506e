using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Broker.Protocol;

/// <summary>
/// Reads the fields of one payload in order. The first failure sticks: later reads return empty values, and <see cref="End"/> reports it. So a codec
/// is a list of its fields without a branch after each, and nothing is allocated from a length that the payload does not hold.
/// </summary>
internal ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private ReadOnlySpan<byte> _rest = payload;
    private FrameFault _fault;

    public bool Failed { get; private set; }

    public readonly int Remaining => _rest.Length;

    /// <summary>What is left, without moving on.</summary>
    public readonly ReadOnlySpan<byte> Peek() => _rest;

    public ulong Number(string field, ulong max = Varint.Max, ulong min = 0)
    {
        if (Failed)
        {
            return 0;
        }

        if (!Varint.TryRead(_rest, out var value, out var read))
        {
            Fail($"{field}: the payload ends inside it");
            return 0;
        }

        if (value > max || value < min)
        {
            Fail(value > max ? Protocol.ErrorCode.LimitExceeded : Protocol.ErrorCode.ProtocolViolation, $"{field}: {value} is not between {min} and {max}");
            return 0;
        }

        _rest = _rest[read..];
        return value;
    }

    /// <summary>A bit set; an unknown bit is malformed, so that a flag can never be ignored by a peer that does not know it.</summary>
    public ulong Flags(string field, ulong known)
    {
        var value = Number(field);
        if ((value & ~known) != 0)
        {
            Fail($"{field}: unknown bits 0x{value & ~known:x}");
            return 0;
        }

        return value;
    }

    public byte Byte(string field) => Take(field, 1) is [var value] ? value : (byte)0;

    public ulong UInt64(string field) => Take(field, 8) is { Length: 8 } bytes ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : 0;

    /// <summary>Sixteen bytes in the order of the text form.</summary>
    public Guid Guid(string field) => Take(field, 16) is { Length: 16 } bytes ? new Guid(bytes, bigEndian: true) : System.Guid.Empty;

    /// <summary>Varint length and so many bytes.</summary>
    public ReadOnlySpan<byte> Bytes(string field, int max) => Take(field, (int)Number(field, (ulong)max));

    /// <summary>Varint length and so many bytes of valid UTF-8.</summary>
    public ReadOnlySpan<byte> Utf8Bytes(string field, int max)
    {
        var bytes = Bytes(field, max);
        if (!Utf8.IsValid(bytes))
        {
            Fail($"{field}: not valid UTF-8");
            return default;
        }

        return bytes;
    }

    public string Text(string field, int max) => Encoding.UTF8.GetString(Utf8Bytes(field, max));

    public string Name(string field) => Text(field, ProtocolLimits.MaxNameBytes);

    public string Reason(string field) => Text(field, ProtocolLimits.MaxReasonBytes);

    public ErrorCode ErrorCode(string field) => (ErrorCode)Number(field);

    /// <summary>Everything that is left.</summary>
    public ReadOnlySpan<byte> Rest()
    {
        var rest = _rest;
        _rest = default;
        return rest;
    }

    public void Fail(string reason) => Fail(Protocol.ErrorCode.ProtocolViolation, reason);

    public void Fail(ErrorCode code, string reason)
    {
        if (!Failed)
        {
            Failed = true;
            _fault = new FrameFault(code, reason);
            _rest = default;
        }
    }

    /// <summary>Whether all fields were read and nothing is left.</summary>
    public bool End(out FrameFault fault)
    {
        if (!Failed && !_rest.IsEmpty)
        {
            Fail($"{_rest.Length} bytes after the last field");
        }

        fault = _fault;
        return !Failed;
    }

    private ReadOnlySpan<byte> Take(string field, int length)
    {
        if (Failed)
        {
            return default;
        }

        if (_rest.Length < length)
        {
            Fail($"{field}: the payload ends inside it");
            return default;
        }

        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
