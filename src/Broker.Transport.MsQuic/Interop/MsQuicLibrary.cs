using System.Runtime.InteropServices;

namespace Broker.Transport.MsQuic.Interop;

/// <summary>Asks the native library for its version, which System.Net.Quic knows and does not tell.</summary>
internal static unsafe class MsQuicLibrary
{
    // msquic.h: MsQuicOpenVersion(2, …) and QUIC_PARAM_GLOBAL_LIBRARY_VERSION, a uint32[4].
    private const uint ApiVersion = 2;
    private const uint LibraryVersionParameter = 0x01000004;
    private const int VersionParts = 4;

    // QUIC_API_TABLE: SetContext, GetContext, SetCallbackHandler, SetParam, GetParam, …
    private const int GetParamSlot = 4;

    /// <summary>The version of the library that System.Net.Quic uses in this process, or <c>null</c> if there is none.</summary>
    public static Version? FindVersion()
    {
        foreach (var name in Names())
        {
            // The search of the runtime's own loader, so that both find the same file.
            if (NativeLibrary.TryLoad(name, typeof(System.Net.Quic.QuicConnection).Assembly, searchPath: null, out var handle))
            {
                // Never unloaded: it stays in use by System.Net.Quic.
                return ReadVersion(handle);
            }
        }

        return null;
    }

    private static string[] Names() =>
        OperatingSystem.IsWindows() ? ["msquic.dll"]
        : OperatingSystem.IsMacOS() ? ["libmsquic.2.dylib", "libmsquic.dylib"]
        : ["libmsquic.so.2", "libmsquic.so"];

    private static Version? ReadVersion(nint library)
    {
        if (!NativeLibrary.TryGetExport(library, "MsQuicOpenVersion", out var openExport) || !NativeLibrary.TryGetExport(library, "MsQuicClose", out var closeExport))
        {
            return null;
        }

        void** table;
        if (((delegate* unmanaged[Cdecl]<uint, void***, uint>)openExport)(ApiVersion, &table) != 0)
        {
            return null;
        }

        try
        {
            var parts = stackalloc uint[VersionParts];
            uint size = VersionParts * sizeof(uint);
            var status = ((delegate* unmanaged[Cdecl]<void*, uint, uint*, void*, uint>)table[GetParamSlot])(null, LibraryVersionParameter, &size, parts);
            return status == 0 ? new Version((int)parts[0], (int)parts[1], (int)parts[2], (int)parts[3]) : null;
        }
        finally
        {
            ((delegate* unmanaged[Cdecl]<void*, void>)closeExport)(table);
        }
    }
}
