using System.Text;

namespace Broker.Transport;

/// <summary>The reason phrase of CONNECTION_CLOSE (RFC 9000, section 19.19).</summary>
internal static class CloseReason
{
    private const int MaxBytes = 256;

    /// <summary>At most 256 bytes of UTF-8, cut between characters.</summary>
    public static string Cut(string reason)
    {
        var bytes = Encoding.UTF8.GetBytes(reason);
        if (bytes.Length <= MaxBytes)
        {
            return reason;
        }

        var length = MaxBytes;
        while ((bytes[length] & 0xC0) == 0x80)
        {
            length--; // a continuation byte: the character would be torn
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
