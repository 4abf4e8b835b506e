using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary><c>gnutls_datum_t</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Datum
{
    public byte* Data;
    public uint Size;
}

/// <summary><c>gnutls_typed_vdata_st</c>: one thing that a certificate must fulfil.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TypedVerifyData
{
    public const int DnsHostname = 1;
    public const int KeyPurposeOid = 2;
    public const int IpAddress = 4;

    public int Type;
    public byte* Data;
    public uint Size;
}

/// <summary>libgnutls. Names are the library's own.</summary>
internal static unsafe partial class GnuTlsNative
{
    public const string Library = "libgnutls.so.30";

    public const uint InitServer = 1;
    public const uint InitClient = 1 << 1;
    public const uint InitForceClientCertificate = 1 << 9;
    public const uint InitNoEndOfEarlyData = 1 << 22;
    public const int CredentialsCertificate = 1;
    public const int FormatPem = 1;
    public const int CertificateRequest = 1;
    public const int CertificateRequire = 2;
    public const uint AlpnMandatory = 1;
    public const uint AlpnServerPrecedence = 1 << 1;
    public const int NameDns = 1;
    public const uint HandshakeNewSessionTicket = 4;
    public const int HookPost = 1;
    public const uint SessionFlagTicket = 1 << 7;
    public const int RandomNonce = 0;
    public const int ErrorCertificate = -43;

    [LibraryImport(Library)]
    public static partial byte* gnutls_check_version(byte* version);

    [LibraryImport(Library)]
    public static partial byte* gnutls_strerror(int error);

    [LibraryImport(Library)]
    public static partial int gnutls_init(nint* session, uint flags);

    [LibraryImport(Library)]
    public static partial void gnutls_deinit(nint session);

    [LibraryImport(Library)]
    public static partial int gnutls_priority_init(nint* priority, byte* text, byte** errorPosition);

    [LibraryImport(Library)]
    public static partial void gnutls_priority_deinit(nint priority);

    [LibraryImport(Library)]
    public static partial int gnutls_priority_set(nint session, nint priority);

    [LibraryImport(Library)]
    public static partial int gnutls_credentials_set(nint session, int type, nint credentials);

    [LibraryImport(Library)]
    public static partial int gnutls_certificate_allocate_credentials(nint* credentials);

    [LibraryImport(Library)]
    public static partial void gnutls_certificate_free_credentials(nint credentials);

    [LibraryImport(Library)]
    public static partial int gnutls_certificate_set_x509_key_mem(nint credentials, Datum* certificate, Datum* key, int format);

    [LibraryImport(Library)]
    public static partial int gnutls_certificate_set_x509_trust_mem(nint credentials, Datum* roots, int format);

    [LibraryImport(Library)]
    public static partial void gnutls_session_set_verify_function(nint session, nint function);

    [LibraryImport(Library)]
    public static partial int gnutls_certificate_verify_peers(nint session, TypedVerifyData* data, uint count, uint* status);

    [LibraryImport(Library)]
    public static partial void gnutls_certificate_server_set_request(nint session, int request);

    [LibraryImport(Library)]
    public static partial Datum* gnutls_certificate_get_peers(nint session, uint* count);

    [LibraryImport(Library)]
    public static partial int gnutls_alpn_set_protocols(nint session, Datum* protocols, uint count, uint flags);

    [LibraryImport(Library)]
    public static partial int gnutls_alpn_get_selected_protocol(nint session, Datum* protocol);

    [LibraryImport(Library)]
    public static partial int gnutls_server_name_set(nint session, int type, void* name, nuint length);

    [LibraryImport(Library)]
    public static partial void gnutls_session_set_ptr(nint session, void* pointer);

    [LibraryImport(Library)]
    public static partial void* gnutls_session_get_ptr(nint session);

    [LibraryImport(Library)]
    public static partial void gnutls_session_set_keylog_function(nint session, nint function);

    [LibraryImport(Library)]
    public static partial void gnutls_session_get_random(nint session, Datum* client, Datum* server);

    [LibraryImport(Library)]
    public static partial int gnutls_session_ticket_key_generate(Datum* key);

    [LibraryImport(Library)]
    public static partial int gnutls_session_ticket_enable_server(nint session, Datum* key);

    [LibraryImport(Library)]
    public static partial void gnutls_handshake_set_hook_function(nint session, uint handshakeType, int when, nint function);

    [LibraryImport(Library)]
    public static partial uint gnutls_session_get_flags(nint session);

    [LibraryImport(Library)]
    public static partial int gnutls_session_is_resumed(nint session);

    [LibraryImport(Library)]
    public static partial int gnutls_session_get_data2(nint session, Datum* data);

    [LibraryImport(Library)]
    public static partial int gnutls_session_set_data(nint session, void* data, nuint length);

    [LibraryImport(Library)]
    public static partial int gnutls_rnd(int level, void* data, nuint length);

    /// <summary>Frees what a <c>gnutls_*</c> function allocated: the library exports a pointer to its own <c>free</c>.</summary>
    public static void Free(void* memory)
    {
        var free = *(delegate* unmanaged<void*, void>*)NativeLibrary.GetExport(_handle.Value, "gnutls_free");
        free(memory);
    }

    /// <summary>The library's text for an error, with its number.</summary>
    public static string Describe(int error) => $"{Marshal.PtrToStringUTF8((nint)gnutls_strerror(error))} ({error})";

    private static readonly Lazy<nint> _handle = new(() => NativeLibrary.Load(Library, typeof(GnuTlsNative).Assembly, null));
}
