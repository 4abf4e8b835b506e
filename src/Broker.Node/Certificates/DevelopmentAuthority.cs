using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Broker.Node.Certificates;

/// <summary>A certification authority for one machine: ECDSA P-256, may sign leaves and nothing else.</summary>
internal sealed class DevelopmentAuthority : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(2 * 365);
    private static readonly TimeSpan LeafLifetime = TimeSpan.FromDays(365);

    // Clocks of a machine and its containers differ; a certificate from "the future" is refused.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromHours(1);

    private DevelopmentAuthority(X509Certificate2 certificate) => Certificate = certificate;

    /// <summary>Its own certificate, with the private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>A new authority.</summary>
    public static DevelopmentAuthority Create(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Broker development CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return new DevelopmentAuthority(request.CreateSelfSigned(now - ClockSkew, now + AuthorityLifetime));
    }

    /// <summary>The authority whose certificate and key are in two PEM texts.</summary>
    /// <exception cref="CryptographicException">They do not belong together or are not PEM.</exception>
    public static DevelopmentAuthority Load(string certificatePem, string keyPem) => new(X509Certificate2.CreateFromPem(certificatePem, keyPem));

    /// <summary>Signs a certificate that shows a user name and a role.</summary>
    /// <param name="name">The user, as the certificate's common name.</param>
    /// <param name="role">Decides the key usage: nodes are servers, clients and admins are clients.</param>
    /// <param name="hostNames">DNS names and IP addresses of a server; empty for clients.</param>
    /// <param name="now">The current time.</param>
    /// <param name="dials">Whether a node is to be a client, too: of the other nodes of its cluster.</param>
    /// <returns>Certificate and PKCS#8 key as PEM.</returns>
    public (byte[] CertificatePem, byte[] KeyPem) Issue(string name, CertificateRole role, IEnumerable<string> hostNames, DateTimeOffset now, bool dials = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(name);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(Usages(role, dials), critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, true, false));
        request.CertificateExtensions.Add(Names(role, hostNames));

        var notAfter = now + LeafLifetime;
        var end = notAfter < Certificate.NotAfter ? notAfter : Certificate.NotAfter;
        using var leaf = request.Create(Certificate, now - ClockSkew, end, SerialNumber());
        return (Encoding.ASCII.GetBytes(leaf.ExportCertificatePem()), Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem()));
    }

    /// <inheritdoc/>
    public void Dispose() => Certificate.Dispose();

    private static OidCollection Usages(CertificateRole role, bool dials) =>
        role != CertificateRole.Node ? [new Oid(ClientAuthentication)]
        : dials ? [new Oid(ServerAuthentication), new Oid(ClientAuthentication)]
        : [new Oid(ServerAuthentication)];

    private static X509Extension Names(CertificateRole role, IEnumerable<string> hostNames)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri($"broker://role/{role.ToString().ToLowerInvariant()}"));
        foreach (var hostName in hostNames)
        {
            if (IPAddress.TryParse(hostName, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(hostName);
            }
        }

        return names.Build();
    }

    // A positive integer of at most 20 bytes (RFC 5280, section 4.1.2.2).
    private static byte[] SerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        return serial;
    }
}
