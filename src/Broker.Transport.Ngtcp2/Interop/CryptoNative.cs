using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>libngtcp2_crypto_gnutls: the glue between ngtcp2 and GnuTLS.</summary>
internal static unsafe partial class CryptoNative
{
    public const string Library = "libngtcp2_crypto_gnutls.so.8";

    /// <summary>Room for any Retry token (<c>NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2</c> is 134).</summary>
    public const int MaxRetryTokenLength = 192;

    private static nint _handle;

    /// <summary>
    /// The address of a callback that the glue exports. ngtcp2 calls it directly: native to native, no managed code on the crypto path.
    /// </summary>
    public static nint Callback(string name)
    {
        if (_handle == 0)
        {
            _handle = NativeLibrary.Load(Library, typeof(CryptoNative).Assembly, null);
        }

        return NativeLibrary.GetExport(_handle, name);
    }

    [LibraryImport(Library)]
    public static partial int ngtcp2_crypto_gnutls_configure_server_session(nint session);

    [LibraryImport(Library)]
    public static partial int ngtcp2_crypto_gnutls_configure_client_session(nint session);

    [LibraryImport(Library)]
    public static partial int ngtcp2_crypto_generate_stateless_reset_token(byte* token, byte* secret, nuint secretLength, Cid* cid);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_crypto_generate_retry_token2(byte* token, byte* secret, nuint secretLength, uint version,
        void* address, uint addressLength, Cid* retryScid, Cid* originalDcid, ulong now);

    [LibraryImport(Library)]
    public static partial int ngtcp2_crypto_verify_retry_token2(Cid* originalDcid, byte* token, nuint tokenLength, byte* secret, nuint secretLength,
        uint version, void* address, uint addressLength, Cid* dcid, ulong timeout, ulong now);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_crypto_write_retry(byte* packet, nuint capacity, uint version, Cid* dcid, Cid* scid, Cid* originalDcid, byte* token, nuint tokenLength);

    [LibraryImport(Library)]
    public static partial nint ngtcp2_crypto_write_connection_close(byte* packet, nuint capacity, uint version, Cid* dcid, Cid* scid, ulong errorCode, byte* reason, nuint reasonLength);
}
