using System.Text.Unicode;

namespace Broker.Protocol.Bbq;

/// <summary>Reads bincode fields in order; the first failure sticks, as in <see cref="PayloadReader"/>.</summary>
internal ref struct BbqPayloadReader(ReadOnlySpan<byte> payload)
{
    private ReadOnlySpan<byte> _rest = payload;
    private FrameFault _fault;
    private bool _failed;

    public ulong Number(string field)
    {
        if (_failed)
        {
            return 0;
        }

        if (!BincodeVarint.TryRead(_rest, out var value, out var read))
        {
            Fail($"{field}: not a bincode integer, or the payload ends inside it");
            return 0;
        }

        _rest = _rest[read..];
        return value;
    }

    public ReadOnlySpan<byte> Bytes(string field)
    {
        var length = Number(field);
        if (length > (ulong)_rest.Length)
        {
            Fail($"{field}: the payload ends inside it");
            return default;
        }

        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    public ReadOnlySpan<byte> Name(string field)
    {
        var bytes = Bytes(field);
        if (bytes.Length > ProtocolLimits.MaxNameBytes)
        {
            Fail(ErrorCode.LimitExceeded, $"{field}: {bytes.Length} bytes; at most {ProtocolLimits.MaxNameBytes} are allowed");
            return default;
        }

        if (!Utf8.IsValid(bytes))
        {
            Fail($"{field}: not valid UTF-8");
            return default;
        }

        return bytes;
    }

    public void Fail(string reason) => Fail(ErrorCode.ProtocolViolation, reason);

    public bool End(out FrameFault fault)
    {
        if (!_failed && !_rest.IsEmpty)
        {
            Fail($"{_rest.Length} bytes after the last field");
        }

        fault = _fault;
        return !_failed;
    }

    private void Fail(ErrorCode code, string reason)
    {
        if (!_failed)
        {
            _failed = true;
            _fault = new FrameFault(code, reason);
            _rest = default;
        }
    }
}
