using System.Text;

namespace Broker.Transport.Ngtcp2.Tls;

/// <summary>Appends TLS secrets in NSS key log format, which Wireshark reads.</summary>
internal static class KeyLog
{
    private static readonly Lock _gate = new();

    /// <summary>Appends one line. The file is opened each time: a handshake writes five lines, and the file may be rotated under us.</summary>
    /// <remarks>A file that cannot be written costs the log, not the connection.</remarks>
    public static void Append(string path, string label, ReadOnlySpan<byte> clientRandom, ReadOnlySpan<byte> secret)
    {
        var line = $"{label} {Convert.ToHexStringLower(clientRandom)} {Convert.ToHexStringLower(secret)}\n";
        lock (_gate)
        {
            try
            {
                File.AppendAllText(path, line, Encoding.ASCII);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // There is nobody to tell: the caller is a native callback.
            }
        }
    }
}
