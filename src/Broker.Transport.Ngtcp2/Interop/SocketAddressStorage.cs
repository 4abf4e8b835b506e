using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>Room for a <c>sockaddr_in</c> or <c>sockaddr_in6</c> (<c>ngtcp2_sockaddr_union</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SocketAddressStorage : IEquatable<SocketAddressStorage>
{
    public const int Size = 28;
    private const int Inet4Size = 16;

    private fixed uint _words[Size / 4];

    /// <summary>How many bytes the family uses.</summary>
    public readonly uint Length => Family == LibC.AddressFamilyInet6 ? (uint)Size : Inet4Size;

    /// <summary><c>sa_family</c>.</summary>
    public readonly int Family
    {
        get
        {
            fixed (uint* words = _words)
            {
                return *(ushort*)words;
            }
        }
    }

    /// <summary>Writes an address for a socket of <paramref name="family"/>: on an IPv6 socket an IPv4 address becomes its mapped form (RFC 4291, section 2.5.5.2).</summary>
    public static SocketAddressStorage From(IPAddress address, int port, int family)
    {
        SocketAddressStorage storage = default;
        var bytes = storage.Bytes;
        MemoryMarshal.Write(bytes, (ushort)family);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)port);
        if (family == LibC.AddressFamilyInet6)
        {
            var mapped = address.AddressFamily == AddressFamily.InterNetwork ? address.MapToIPv6() : address;
            mapped.TryWriteBytes(bytes[8..24], out _);
            MemoryMarshal.Write(bytes[24..], (uint)mapped.ScopeId);
        }
        else
        {
            address.TryWriteBytes(bytes[4..8], out _);
        }

        return storage;
    }

    /// <summary>Copies what the kernel or ngtcp2 wrote.</summary>
    public static SocketAddressStorage Copy(void* address, uint length)
    {
        SocketAddressStorage storage = default;
        new ReadOnlySpan<byte>(address, (int)Math.Min(length, Size)).CopyTo(storage.Bytes);
        return storage;
    }

    /// <summary>The raw bytes of the IP address: 4, or 16 on an IPv6 socket.</summary>
    [UnscopedRef]
    public Span<byte> AddressBytes => Family == LibC.AddressFamilyInet6 ? Bytes[8..24] : Bytes[4..8];

    /// <summary>Whether it is no particular address (0.0.0.0 or ::).</summary>
    public bool IsUnspecified => !AddressBytes.ContainsAnyExcept((byte)0);

    /// <summary>Whether it is an IPv4 address in its IPv6 form.</summary>
    public bool IsMapped => Family == LibC.AddressFamilyInet6 && AddressBytes[..12].SequenceEqual((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

    /// <summary>As .NET writes it; a mapped IPv4 address is shown as IPv4.</summary>
    public IPEndPoint ToEndPoint()
    {
        var port = BinaryPrimitives.ReadUInt16BigEndian(Bytes[2..]);
        var address = Family == LibC.AddressFamilyInet6 ? new IPAddress(AddressBytes, MemoryMarshal.Read<uint>(Bytes[24..])) : new IPAddress(AddressBytes);
        return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, port);
    }

    /// <summary>Whether the kernel's bytes are this address; flow label and padding count, as they never differ in practice.</summary>
    public bool Matches(void* address, uint length) => length == Length && new ReadOnlySpan<byte>(address, (int)length).SequenceEqual(Bytes[..(int)length]);

    public bool Equals(SocketAddressStorage other) => Bytes.SequenceEqual(other.Bytes);

    public override bool Equals(object? obj) => obj is SocketAddressStorage other && Equals(other);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    [UnscopedRef]
    private Span<byte> Bytes => MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref this, 1));
}
