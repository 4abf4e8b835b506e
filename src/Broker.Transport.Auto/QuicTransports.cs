using Broker.Transport.MsQuic;
using Broker.Transport.Ngtcp2;

namespace Broker.Transport.Auto;

/// <summary>Makes the backend that configuration names.</summary>
public static class QuicTransports
{
    // In the order in which "auto" tries them.
    private static readonly BackendChoice[] s_choices =
    [
        new("msquic", () => MsQuicTransport.IsSupported(out var reason) ? null : reason, () => new MsQuicTransport()),
        new("ngtcp2", () => Ngtcp2Transport.IsSupported(out var reason) ? null : reason, () => new Ngtcp2Transport()),
    ];

    /// <summary>Creates a transport.</summary>
    /// <param name="kind">
    /// <c>msquic</c>: System.Net.Quic over libmsquic. <c>ngtcp2</c>: ngtcp2 and GnuTLS. <c>auto</c>: the first of these two that works on this machine.
    /// </param>
    /// <exception cref="QuicTransportException">
    /// <see cref="QuicError.LibraryMissing"/>, naming the package to install, if the chosen backend does not work here, or with <c>auto</c> neither does;
    /// <see cref="QuicError.InvalidConfiguration"/>, listing the valid kinds, if <paramref name="kind"/> is none of them.
    /// </exception>
    public static IQuicTransport Create(string kind)
    {
        ArgumentNullException.ThrowIfNull(kind);
        return BackendChoice.Select(kind, s_choices);
    }
}
