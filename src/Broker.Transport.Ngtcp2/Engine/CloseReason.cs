using System.Text;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Translates how a connection ended into the port's terms, once.</summary>
internal static unsafe class CloseReason
{
    private const ulong ConnectionRefused = 0x2;
    private const ulong ApplicationError = 0xc;
    private const ulong FirstCryptoError = 0x100;
    private const ulong LastCryptoError = 0x1ff;
    private const byte NoApplicationProtocol = 120;

    /// <summary>The peer sent CONNECTION_CLOSE (RFC 9000, section 20).</summary>
    public static QuicCloseInfo FromPeer(CloseError* error)
    {
        var reason = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(error->Reason, (int)error->ReasonLength));
        if (error->Type == CloseError.TypeApplication)
        {
            return new QuicCloseInfo(QuicError.ConnectionAborted, (long)error->ErrorCode, reason);
        }

        return error->ErrorCode switch
        {
            ConnectionRefused => new QuicCloseInfo(QuicError.ConnectionRefused, null, "the server refused the connection"),

            // What an application error becomes before the handshake is confirmed: its code must not be seen yet (RFC 9000, section 10.2.3).
            ApplicationError => new QuicCloseInfo(QuicError.ConnectionAborted, null, "the peer's application closed the connection during the handshake"),
            >= FirstCryptoError and <= LastCryptoError => FromAlert((byte)(error->ErrorCode - FirstCryptoError), "the peer refused the handshake"),
            _ => new QuicCloseInfo(QuicError.Transport, null, $"the peer closed the connection with transport error 0x{error->ErrorCode:x}{(reason.Length > 0 ? ": " + reason : "")}"),
        };
    }

    /// <summary>TLS failed on this side.</summary>
    /// <param name="alert">The alert that the peer is sent.</param>
    /// <param name="verification">GnuTLS status bits of the peer's certificate; 0 if it was not the reason.</param>
    public static QuicCloseInfo FromLocalAlert(byte alert, uint verification) =>
        FromAlert(alert, verification == 0 ? "the handshake failed" : $"the peer's certificate was refused ({Describe(verification)})");

    private static QuicCloseInfo FromAlert(byte alert, string what) => alert == NoApplicationProtocol
        ? new QuicCloseInfo(QuicError.ProtocolMismatch, null, "no application protocol in common (ALPN)")
        : new QuicCloseInfo(QuicError.TlsFailed, null, $"{what}: TLS alert {alert}, {Name(alert)}");

    private static string Name(byte alert) => alert switch
    {
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown certification authority",
        49 => "access denied",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        109 => "missing extension",
        112 => "unrecognized name",
        116 => "certificate required",
        _ => "see RFC 8446, section 6",
    };

    private static string Describe(uint verification)
    {
        (uint Bit, string Text)[] bits =
        [
            (1u << 5, "revoked"),
            (1u << 6, "its issuer is not trusted"),
            (1u << 7, "its issuer is no authority"),
            (1u << 8, "its algorithm is insecure"),
            (1u << 9, "not valid yet"),
            (1u << 10, "expired"),
            (1u << 14, "it names another host"),
            (1u << 11, "its signature is wrong"),
            (1u << 18, "not meant for this purpose"),
        ];
        var texts = bits.Where(bit => (verification & bit.Bit) != 0).Select(bit => bit.Text).ToArray();
        return texts.Length > 0 ? string.Join(", ", texts) : $"status 0x{verification:x}";
    }
}
