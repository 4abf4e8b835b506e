using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>libngtcp2. Names are the library's own, so that its manual applies word for word.</summary>
/// <remarks><see cref="SuppressGCTransitionAttribute"/> only on short functions that never call back.</remarks>
internal static unsafe partial class Ngtcp2Native
{
    public const string Library = "libngtcp2.so.16";

    public const uint QuicVersion1 = 1;
    public const int PacketInfoVersion1 = 1;

    public const uint WriteStreamFlagMore = 1;
    public const uint WriteStreamFlagFin = 2;
    public const uint StreamDataFlagFin = 1;
    public const uint StreamCloseFlagAppErrorCodeSet = 1;
    public const uint QlogWriteFlagFin = 1;
    public const int TokenTypeRetry = 1;
    public const int DcidStatusActivate = 0;
    public const ulong TransportErrorConnectionRefused = 0x2;
    public const ulong TransportErrorInvalidToken = 0xb;

    [LibraryImport(Library)]
    public static partial LibraryInfo* ngtcp2_version(int leastVersion);

    [LibraryImport(Library)]
    public static partial byte* ngtcp2_strerror(int error);

    [LibraryImport(Library)]
    public static partial void ngtcp2_settings_default_versioned(int version, Settings* settings);

    [LibraryImport(Library)]
    public static partial void ngtcp2_transport_params_default_versioned(int version, TransportParameters* parameters);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_client_new_versioned(nint* connection, Cid* dcid, Cid* scid, NativePath* path, uint quicVersion,
        int callbacksVersion, Callbacks* callbacks, int settingsVersion, Settings* settings, int parametersVersion, TransportParameters* parameters, nint memory, nint userData);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_server_new_versioned(nint* connection, Cid* dcid, Cid* scid, NativePath* path, uint quicVersion,
        int callbacksVersion, Callbacks* callbacks, int settingsVersion, Settings* settings, int parametersVersion, TransportParameters* parameters, nint memory, nint userData);

    [LibraryImport(Library)]
    public static partial void ngtcp2_conn_del(nint connection);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_read_pkt_versioned(nint connection, NativePath* path, int infoVersion, PacketInfo* info, byte* packet, nuint length, ulong now);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_conn_writev_stream_versioned(nint connection, NativePath* path, int infoVersion, PacketInfo* info, byte* packet, nuint capacity,
        nint* dataLength, uint flags, long streamId, Vec* data, nuint dataCount, ulong now);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_conn_write_connection_close_versioned(nint connection, NativePath* path, int infoVersion, PacketInfo* info, byte* packet, nuint capacity,
        CloseError* error, ulong now);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_update_pkt_tx_time(nint connection, ulong now);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial ulong ngtcp2_conn_get_expiry(nint connection);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_handle_expiry(nint connection, ulong now);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial ulong ngtcp2_conn_get_pto(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial nuint ngtcp2_conn_get_send_quantum(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial nuint ngtcp2_conn_get_max_tx_udp_payload_size(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial ulong ngtcp2_conn_get_max_data_left(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial ulong ngtcp2_conn_get_streams_bidi_left(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial NativePath* ngtcp2_conn_get_path(nint connection);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial nuint ngtcp2_conn_get_stream_loss_count(nint connection, long streamId);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_get_conn_info_versioned(nint connection, int version, ConnectionInfo* info);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_open_bidi_stream(nint connection, long* streamId, nint streamUserData);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_shutdown_stream_write(nint connection, uint flags, long streamId, ulong errorCode);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_shutdown_stream_read(nint connection, uint flags, long streamId, ulong errorCode);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_extend_max_stream_offset(nint connection, long streamId, ulong bytes);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_extend_max_offset(nint connection, ulong bytes);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_extend_max_streams_bidi(nint connection, nuint count);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_set_keep_alive_timeout(nint connection, ulong nanoseconds);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void ngtcp2_conn_set_tls_native_handle(nint connection, nint session);

    [LibraryImport(Library)]
    public static partial int ngtcp2_conn_initiate_key_update(nint connection, ulong now);

    [LibraryImport(Library)]
    public static partial byte ngtcp2_conn_get_tls_alert(nint connection);

    [LibraryImport(Library)]
    public static partial CloseError* ngtcp2_conn_get_ccerr(nint connection);

    [LibraryImport(Library)]
    public static partial void ngtcp2_ccerr_default(CloseError* error);

    [LibraryImport(Library)]
    public static partial void ngtcp2_ccerr_set_liberr(CloseError* error, int libraryError, byte* reason, nuint length);

    [LibraryImport(Library)]
    public static partial void ngtcp2_ccerr_set_tls_alert(CloseError* error, byte alert, byte* reason, nuint length);

    [LibraryImport(Library)]
    public static partial void ngtcp2_ccerr_set_application_error(CloseError* error, ulong code, byte* reason, nuint length);

    [LibraryImport(Library)]
    public static partial int ngtcp2_pkt_decode_version_cid(VersionCid* result, byte* packet, nuint length, nuint shortDcidLength);

    [LibraryImport(Library)]
    public static partial int ngtcp2_accept(PacketHeader* result, byte* packet, nuint length);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_pkt_write_version_negotiation(byte* packet, nuint capacity, byte unused, byte* dcid, nuint dcidLength, byte* scid, nuint scidLength, uint* versions, nuint count);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_pkt_write_stateless_reset(byte* packet, nuint capacity, byte* token, byte* random, nuint randomLength);

    /// <summary>The library's text for an error, with its number.</summary>
    public static string Describe(int error) => $"{Marshal.PtrToStringUTF8((nint)ngtcp2_strerror(error))} ({error})";
}
