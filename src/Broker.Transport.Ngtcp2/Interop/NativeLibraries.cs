using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>Whether the native libraries are there, of a version that this backend knows, and laid out as it expects. Decided once per process.</summary>
internal static unsafe class NativeLibraries
{
    private const string Packages = "Install the packages libngtcp2-16 and libngtcp2-crypto-gnutls8 (Debian 12: from bookworm-backports; Debian 13: from main).";

    /// <summary>1.11.0 brought settings version 2; everything later with the same soname is compatible.</summary>
    private const int OldestVersion = 0x010b00;
    private const int FirstIncompatibleVersion = 0x020000;

    /// <summary>GnuTLS learned to leave out EndOfEarlyData, which QUIC forbids, in 3.7.2.</summary>
    private static readonly byte[] _oldestGnuTls = "3.7.2\0"u8.ToArray();

    private static readonly Lazy<(string? Problem, string Versions)> _state = new(Examine);

    /// <summary>What is wrong, with what to install; <c>null</c> if nothing is.</summary>
    public static string? Problem => _state.Value.Problem;

    /// <summary>For logs, as <c>ngtcp2 1.11.0, GnuTLS 3.7.9</c>; empty if not loaded.</summary>
    public static string Versions => _state.Value.Versions;

    /// <summary>Fails unless the libraries can be used.</summary>
    /// <exception cref="QuicTransportException"><see cref="QuicError.LibraryMissing"/>.</exception>
    public static void Require()
    {
        if (Problem is { } problem)
        {
            throw new QuicTransportException(QuicError.LibraryMissing, problem);
        }
    }

    private static (string? Problem, string Versions) Examine()
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess || !BitConverter.IsLittleEndian || Stopwatch.Frequency != 1_000_000_000)
        {
            return ("The ngtcp2 backend needs 64-bit little-endian Linux.", "");
        }

        try
        {
            var ngtcp2 = Ngtcp2Native.ngtcp2_version(0);
            var version = Marshal.PtrToStringUTF8((nint)ngtcp2->VersionText) ?? "";
            if (ngtcp2->VersionNumber is < OldestVersion or >= FirstIncompatibleVersion)
            {
                return ($"libngtcp2 {version} is installed; 1.11 or a later 1.x is needed. {Packages}", "");
            }

            fixed (byte* oldest = _oldestGnuTls)
            {
                if (GnuTlsNative.gnutls_check_version(oldest) == null)
                {
                    return ($"GnuTLS is older than 3.7.2. {Packages}", "");
                }
            }

            _ = CryptoNative.Callback("ngtcp2_crypto_get_path_challenge_data_cb");
            if (AbiCheck.FindMismatch() is { } mismatch)
            {
                return ($"libngtcp2 {version} lays its structures out differently from what this build expects: {mismatch}. {Packages}", "");
            }

            var gnuTls = Marshal.PtrToStringUTF8((nint)GnuTlsNative.gnutls_check_version(null));
            return (null, $"ngtcp2 {version}, GnuTLS {gnuTls}");
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return ($"A native library of the ngtcp2 backend cannot be loaded: {e.Message.Split('\n')[0].TrimEnd()} {Packages}", "");
        }
    }
}
