using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Broker.Transport.Tests;

/// <summary>Certificates for tests, made once per process: a trusted authority with its server and client, and impostors of each.</summary>
public static class TestCertificates
{
    private const string ServerAuth = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuth = "1.3.6.1.5.5.7.3.2";

    /// <summary>The authority that servers and clients of a test trust.</summary>
    public static TestAuthority Authority { get; } = new("Test CA");

    /// <summary>An authority that nobody trusts, with the same name as the trusted one, so that only the signature tells them apart.</summary>
    public static TestAuthority RogueAuthority { get; } = new("Test CA");

    /// <summary>A server for <c>localhost</c>, 127.0.0.1 and ::1.</summary>
    public static QuicTlsOptions Server { get; } = Authority.Issue("server", ServerAuth);

    /// <summary>A second server certificate of the same authority, to tell old from new after a reload.</summary>
    public static QuicTlsOptions OtherServer { get; } = Authority.Issue("other server", ServerAuth);

    /// <summary>A server whose certificate names another host.</summary>
    public static QuicTlsOptions ServerOfAnotherHost { get; } = Authority.Issue("elsewhere", ServerAuth, ["elsewhere.example"], []);

    /// <summary>A server that shows a client's certificate.</summary>
    public static QuicTlsOptions ServerWithClientUsage { get; } = Authority.Issue("server", ClientAuth);

    /// <summary>A client.</summary>
    public static QuicTlsOptions Client { get; } = Authority.Issue("client", ClientAuth);

    /// <summary>A client whose certificate gives it the admin role.</summary>
    public static QuicTlsOptions AdminClient { get; } = Authority.Issue("admin", ClientAuth, uris: ["broker://role/admin"]);

    /// <summary>A client without a certificate.</summary>
    public static QuicTlsOptions AnonymousClient { get; } = new() { TrustedRootsPem = Authority.Pem };

    /// <summary>A client that shows a server's certificate.</summary>
    public static QuicTlsOptions ClientWithServerUsage { get; } = Authority.Issue("client", ServerAuth);

    /// <summary>A client whose certificate expired yesterday.</summary>
    public static QuicTlsOptions ExpiredClient { get; } = Authority.Issue("client", ClientAuth, validUntil: DateTimeOffset.UtcNow.AddDays(-1));

    /// <summary>A client certified by <see cref="RogueAuthority"/> that trusts the real authority.</summary>
    public static QuicTlsOptions RogueClient { get; } = RogueAuthority.Issue("client", ClientAuth) with { TrustedRootsPem = Authority.Pem };

    /// <summary>A server certified by <see cref="RogueAuthority"/> that trusts the real authority's clients.</summary>
    public static QuicTlsOptions RogueServer { get; } = RogueAuthority.Issue("server", ServerAuth) with { TrustedRootsPem = Authority.Pem };

    /// <summary>The DER of the leaf in <paramref name="tls"/>, to compare with <see cref="IQuicConnection.PeerCertificate"/>.</summary>
    public static byte[] LeafOf(QuicTlsOptions tls)
    {
        using var leaf = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(tls.CertificatePem.Span));
        return leaf.RawData;
    }

    /// <summary>A certification authority with an ECDSA P-256 key.</summary>
    public sealed class TestAuthority
    {
        private readonly X509Certificate2 _certificate;

        /// <summary>Makes a new authority.</summary>
        public TestAuthority(string name)
        {
            var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
            _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-30), DateTimeOffset.UtcNow.AddDays(30));
            Pem = Encoding.ASCII.GetBytes(_certificate.ExportCertificatePem());
        }

        /// <summary>The authority's certificate, PEM.</summary>
        public ReadOnlyMemory<byte> Pem { get; }

        /// <summary>A leaf with one extended key usage that trusts this authority.</summary>
        public QuicTlsOptions Issue(string name, string usage, string[]? dnsNames = null, IPAddress[]? addresses = null, DateTimeOffset? validUntil = null, string[]? uris = null)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
            var names = new SubjectAlternativeNameBuilder();
            foreach (var dnsName in dnsNames ?? ["localhost"])
            {
                names.AddDnsName(dnsName);
            }

            foreach (var address in addresses ?? [IPAddress.Loopback, IPAddress.IPv6Loopback])
            {
                names.AddIpAddress(address);
            }

            foreach (var uri in uris ?? [])
            {
                names.AddUri(new Uri(uri));
            }

            request.CertificateExtensions.Add(names.Build());
            using var leaf = request.Create(_certificate, DateTimeOffset.UtcNow.AddDays(-20), validUntil ?? DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(12));
            return new QuicTlsOptions
            {
                CertificatePem = Encoding.ASCII.GetBytes(leaf.ExportCertificatePem()),
                PrivateKeyPem = Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem()),
                TrustedRootsPem = Pem,
            };
        }
    }
}
