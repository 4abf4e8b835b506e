using System.Net.Quic;
using Broker.Transport.MsQuic.Interop;

namespace Broker.Transport.MsQuic;

/// <summary>Whether System.Net.Quic can serve here, and if not, what to install. Found out once.</summary>
internal static class MsQuicSupport
{
    /// <summary>The first release in which a client that leaves during the handshake cannot crash a server with mutual TLS (microsoft/msquic issue 6138).</summary>
    public static readonly Version MinimumVersion = new(2, 5, 10);

    private static readonly Lazy<(Version? Version, string Reason)> s_support = new(Examine);

    public static Version? LibraryVersion => s_support.Value.Version;

    /// <summary>Empty if the backend works here.</summary>
    public static string Reason => s_support.Value.Reason;

    /// <summary>Judges a library version; empty if it is good.</summary>
    public static string Judge(Version? version)
    {
        if (version is null)
        {
            return $"the native library libmsquic was not found; install the package 'libmsquic', version {MinimumVersion} or later";
        }

        return version >= MinimumVersion
            ? ""
            : $"libmsquic {version} is installed, in which a client can crash a server by leaving during the handshake (microsoft/msquic issue 6138); "
                + $"install the package 'libmsquic', version {MinimumVersion} or later";
    }

    private static (Version? Version, string Reason) Examine()
    {
        EnableKeyLog();
        var version = MsQuicLibrary.FindVersion();
        var reason = Judge(version);
        if (reason.Length == 0 && !(QuicListener.IsSupported && QuicConnection.IsSupported))
        {
            reason = $"libmsquic {version} is installed, but System.Net.Quic does not work with it here (TLS 1.3 may be switched off)";
        }

        return (version, reason);
    }

    /// <summary>System.Net.Quic heeds SSLKEYLOGFILE only with this switch, which must be set before its first use.</summary>
    private static void EnableKeyLog()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("SSLKEYLOGFILE")))
        {
            AppContext.SetSwitch("System.Net.EnableSslKeyLogging", true);
        }
    }
}
