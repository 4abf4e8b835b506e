using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A connection id (RFC 9000, section 5.1), or a stateless reset token, as a dictionary key.</summary>
internal readonly struct ConnectionId : IEquatable<ConnectionId>
{
    /// <summary>Length of the ids that we issue: long enough that nobody guesses one.</summary>
    public const int LocalLength = 16;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly uint _third;
    private readonly int _length;

    public unsafe ConnectionId(byte* data, nuint length)
        : this(new ReadOnlySpan<byte>(data, (int)length))
    {
    }

    public ConnectionId(ReadOnlySpan<byte> data)
    {
        _length = data.Length;
        if (data.Length == LocalLength)
        {
            _first = MemoryMarshal.Read<ulong>(data);
            _second = MemoryMarshal.Read<ulong>(data[8..]);
            return;
        }

        Span<byte> padded = stackalloc byte[24];
        padded.Clear();
        data[..Math.Min(data.Length, Cid.MaxLength)].CopyTo(padded);
        _first = MemoryMarshal.Read<ulong>(padded);
        _second = MemoryMarshal.Read<ulong>(padded[8..]);
        _third = MemoryMarshal.Read<uint>(padded[16..]);
    }

    /// <summary>In bytes.</summary>
    public int Length => _length;

    /// <summary>Fills a native id with random bytes.</summary>
    public static unsafe void Randomize(Cid* cid, int length)
    {
        cid->Length = (nuint)length;
        RandomNumberGenerator.Fill(new Span<byte>(cid->Data, length));
    }

    public bool Equals(ConnectionId other) => _first == other._first && _second == other._second && _third == other._third && _length == other._length;

    public override bool Equals(object? obj) => obj is ConnectionId other && Equals(other);

    // Attackers choose ids only of their own first packets; HashCode is seeded per process all the same.
    public override int GetHashCode() => HashCode.Combine(_first, _second, _third);
}
