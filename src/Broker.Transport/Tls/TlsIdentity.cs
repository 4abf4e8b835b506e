using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Broker.Transport.Tls;

/// <summary>The parsed form of <see cref="QuicTlsOptions"/> for backends whose TLS works on .NET certificates.</summary>
internal sealed class TlsIdentity
{
    private TlsIdentity(X509Certificate2? certificate, X509Certificate2Collection intermediates, X509Certificate2Collection roots)
    {
        Certificate = certificate;
        Intermediates = intermediates;
        Roots = roots;
    }

    /// <summary>Own leaf with its private key; <c>null</c> shows none.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>What follows the leaf in <see cref="QuicTlsOptions.CertificatePem"/>.</summary>
    public X509Certificate2Collection Intermediates { get; }

    /// <summary>The only trust anchors.</summary>
    public X509Certificate2Collection Roots { get; }

    /// <exception cref="QuicTransportException"><see cref="QuicError.InvalidConfiguration"/>, naming the option that does not parse.</exception>
    public static TlsIdentity Load(QuicTlsOptions options)
    {
        var roots = ParseCertificates(options.TrustedRootsPem, nameof(options.TrustedRootsPem));
        if (options.CertificatePem.IsEmpty)
        {
            return new TlsIdentity(null, [], roots);
        }

        var chain = ParseCertificates(options.CertificatePem, nameof(options.CertificatePem));
        chain[0].Dispose();
        chain.RemoveAt(0);
        return new TlsIdentity(ParseLeaf(options), chain, roots);
    }

    private static X509Certificate2Collection ParseCertificates(ReadOnlyMemory<byte> pem, string option)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(Encoding.UTF8.GetString(pem.Span));
        }
        catch (CryptographicException e)
        {
            throw Invalid($"{option} does not parse: {e.Message}", e);
        }

        return certificates.Count > 0 ? certificates : throw Invalid($"{option} holds no PEM certificate", null);
    }

    private static X509Certificate2 ParseLeaf(QuicTlsOptions options)
    {
        try
        {
            return X509Certificate2.CreateFromPem(
                Encoding.UTF8.GetString(options.CertificatePem.Span), Encoding.UTF8.GetString(options.PrivateKeyPem.Span));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw Invalid($"PrivateKeyPem is not the unencrypted private key of the first certificate in CertificatePem: {e.Message}", e);
        }
    }

    private static QuicTransportException Invalid(string message, Exception? inner) => new(QuicError.InvalidConfiguration, message, inner);
}
