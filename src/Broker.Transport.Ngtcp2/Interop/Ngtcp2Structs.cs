using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Every type that crosses the border is blittable; nothing is converted on the way.
[assembly: DisableRuntimeMarshalling]

namespace Broker.Transport.Ngtcp2.Interop;

// The structs of ngtcp2.h, field by field in its order. The C name is in the summary; AbiCheck proves the layout at start-up.

/// <summary><c>ngtcp2_cid</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Cid
{
    public const int MaxLength = 20;

    public nuint Length;
    public fixed byte Data[MaxLength];
}

/// <summary><c>ngtcp2_vec</c>, and <c>struct iovec</c>, which is laid out alike.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Vec
{
    public byte* Base;
    public nuint Length;
}

/// <summary><c>ngtcp2_pkt_info</c>; aligned to 8 in C.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct PacketInfo
{
    public byte Ecn;
}

/// <summary><c>ngtcp2_pkt_hd</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PacketHeader
{
    public Cid Dcid;
    public Cid Scid;
    public long PacketNumber;
    public byte* Token;
    public nuint TokenLength;
    public nuint PacketNumberLength;
    public nuint Length;
    public uint Version;
    public byte Type;
    public byte Flags;
}

/// <summary><c>ngtcp2_version_cid</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct VersionCid
{
    public uint Version;
    public byte* Dcid;
    public nuint DcidLength;
    public byte* Scid;
    public nuint ScidLength;
}

/// <summary><c>ngtcp2_addr</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeAddress
{
    public void* Address;
    public uint Length;
}

/// <summary><c>ngtcp2_path</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePath
{
    public NativeAddress Local;
    public NativeAddress Remote;
    public void* UserData;
}

/// <summary><c>ngtcp2_path_storage</c>: a path and room for its two addresses.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PathStorage
{
    public NativePath Path;
    public SocketAddressStorage LocalBuffer;
    public SocketAddressStorage RemoteBuffer;

    /// <summary><c>ngtcp2_path_storage_zero</c>; <paramref name="storage"/> must not move afterwards.</summary>
    public static void Initialize(PathStorage* storage)
    {
        *storage = default;
        storage->Path.Local.Address = &storage->LocalBuffer;
        storage->Path.Remote.Address = &storage->RemoteBuffer;
    }
}

/// <summary><c>ngtcp2_preferred_addr</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PreferredAddress
{
    public Cid Cid;
    public fixed uint Ipv4[4];
    public fixed uint Ipv6[7];
    public byte Ipv4Present;
    public byte Ipv6Present;
    public fixed byte StatelessResetToken[16];
}

/// <summary><c>ngtcp2_version_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct VersionInfo
{
    public uint ChosenVersion;
    public byte* AvailableVersions;
    public nuint AvailableVersionsLength;
}

/// <summary><c>ngtcp2_transport_params</c> (RFC 9000, section 18.2), version 1.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TransportParameters
{
    public const int Version1 = 1;

    public PreferredAddress PreferredAddress;
    public Cid OriginalDcid;
    public Cid InitialScid;
    public Cid RetryScid;
    public ulong InitialMaxStreamDataBidiLocal;
    public ulong InitialMaxStreamDataBidiRemote;
    public ulong InitialMaxStreamDataUni;
    public ulong InitialMaxData;
    public ulong InitialMaxStreamsBidi;
    public ulong InitialMaxStreamsUni;
    public ulong MaxIdleTimeout;
    public ulong MaxUdpPayloadSize;
    public ulong ActiveConnectionIdLimit;
    public ulong AckDelayExponent;
    public ulong MaxAckDelay;
    public ulong MaxDatagramFrameSize;
    public byte StatelessResetTokenPresent;
    public byte DisableActiveMigration;
    public byte OriginalDcidPresent;
    public byte InitialScidPresent;
    public byte RetryScidPresent;
    public byte PreferredAddressPresent;
    public fixed byte StatelessResetToken[16];
    public byte GreaseQuicBit;
    public VersionInfo VersionInfo;
    public byte VersionInfoPresent;
}

/// <summary><c>ngtcp2_settings</c>, version 2.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Settings
{
    public const int Version2 = 2;

    public nint QlogWrite;
    public int CongestionControl;
    public ulong InitialTimestamp;
    public ulong InitialRtt;
    public nint LogPrintf;
    public nuint MaxTxUdpPayloadSize;
    public byte* Token;
    public nuint TokenLength;
    public int TokenType;
    public nint RandomContext;
    public ulong MaxWindow;
    public ulong MaxStreamWindow;
    public nuint AckThreshold;
    public byte NoTxUdpPayloadSizeShaping;
    public ulong HandshakeTimeout;
    public uint* PreferredVersions;
    public nuint PreferredVersionsLength;
    public uint* AvailableVersions;
    public nuint AvailableVersionsLength;
    public uint OriginalVersion;
    public byte NoPathMtuDiscovery;
    public uint InitialPacketNumber;
    public ushort* PathMtuProbes;
    public nuint PathMtuProbesLength;
}

/// <summary><c>ngtcp2_callbacks</c>, version 1. Function pointers; zero where a callback is optional and unused.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Callbacks
{
    public const int Version1 = 1;

    public nint ClientInitial;
    public nint ReceiveClientInitial;
    public nint ReceiveCryptoData;
    public nint HandshakeCompleted;
    public nint ReceiveVersionNegotiation;
    public nint Encrypt;
    public nint Decrypt;
    public nint HeaderProtectionMask;
    public nint ReceiveStreamData;
    public nint AckedStreamDataOffset;
    public nint StreamOpen;
    public nint StreamClose;
    public nint ReceiveStatelessReset;
    public nint ReceiveRetry;
    public nint ExtendMaxLocalStreamsBidi;
    public nint ExtendMaxLocalStreamsUni;
    public nint Random;
    public nint GetNewConnectionId;
    public nint RemoveConnectionId;
    public nint UpdateKey;
    public nint PathValidation;
    public nint SelectPreferredAddress;
    public nint StreamReset;
    public nint ExtendMaxRemoteStreamsBidi;
    public nint ExtendMaxRemoteStreamsUni;
    public nint ExtendMaxStreamData;
    public nint DcidStatus;
    public nint HandshakeConfirmed;
    public nint ReceiveNewToken;
    public nint DeleteCryptoAeadContext;
    public nint DeleteCryptoCipherContext;
    public nint ReceiveDatagram;
    public nint AckDatagram;
    public nint LostDatagram;
    public nint GetPathChallengeData;
    public nint StreamStopSending;
    public nint VersionNegotiation;
    public nint ReceiveRxKey;
    public nint ReceiveTxKey;
    public nint TlsEarlyDataRejected;
}

/// <summary><c>ngtcp2_ccerr</c>: why a connection closes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CloseError
{
    public const int TypeTransport = 0;
    public const int TypeApplication = 1;

    public int Type;
    public ulong ErrorCode;
    public ulong FrameType;
    public byte* Reason;
    public nuint ReasonLength;
}

/// <summary><c>ngtcp2_conn_info</c>, version 1. Times in nanoseconds.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ConnectionInfo
{
    public const int Version1 = 1;

    public ulong LatestRtt;
    public ulong MinRtt;
    public ulong SmoothedRtt;
    public ulong RttVariance;
    public ulong CongestionWindow;
    public ulong SlowStartThreshold;
    public ulong BytesInFlight;
}

/// <summary><c>ngtcp2_crypto_conn_ref</c>: how the TLS glue finds the connection of a session.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CryptoConnectionRef
{
    public nint GetConnection;
    public nint UserData;
}

/// <summary><c>ngtcp2_info</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LibraryInfo
{
    public int Age;
    public int VersionNumber;
    public byte* VersionText;
}
