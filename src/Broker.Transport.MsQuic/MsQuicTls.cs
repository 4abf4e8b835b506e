using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Broker.Transport.Tls;

namespace Broker.Transport.MsQuic;

/// <summary>TLS options for System.Net.Quic: only the given authorities count, and every verdict is ours.</summary>
internal sealed class MsQuicTls
{
    private readonly TlsIdentity _identity;
    private readonly SslStreamCertificateContext? _context;

    public MsQuicTls(QuicTlsOptions options)
    {
        _identity = TlsIdentity.Load(options);

        // Offline: the chain to send is what the file holds; nothing is fetched to complete it.
        _context = _identity.Certificate is { } leaf ? SslStreamCertificateContext.Create(leaf, _identity.Intermediates, offline: true) : null;
    }

    public SslServerAuthenticationOptions ForServer(QuicListenerOptions options) => new()
    {
        ApplicationProtocols = Protocols(options),
        ServerCertificateContext = _context,
        ClientCertificateRequired = true, // asks for one; the callback decides whether none will do
        CertificateChainPolicy = PeerTrust.ClientPolicy(_identity.Roots),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) => certificate is null
            ? !options.RequireClientCertificate
            : (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None, // .NET compares a client's name with the SNI
    };

    public SslClientAuthenticationOptions ForClient(QuicClientOptions options) => new()
    {
        ApplicationProtocols = Protocols(options),
        TargetHost = options.ServerName,
        ClientCertificateContext = _context,
        CertificateChainPolicy = PeerTrust.ServerPolicy(_identity.Roots),
        RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == SslPolicyErrors.None
            && certificate is X509Certificate2 leaf
            && leaf.MatchesHostname(options.ServerName, allowCommonName: false),
    };

    public static List<SslApplicationProtocol> Protocols(QuicConnectionOptions options) =>
        [.. options.ApplicationProtocols.Select(protocol => new SslApplicationProtocol(protocol))];
}
