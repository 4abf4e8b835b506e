using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Broker.Node.Certificates;

/// <summary>
/// Whether a development authority has signed a leaf: its name, and its signature. <see cref="X509Chain"/> would say so too, but looks into folders of the user's home, and fails where there is none,
/// as for a service's user.
/// </summary>
internal static class IssuedBy
{
    public static bool Check(X509Certificate2 leaf, X509Certificate2 authority)
    {
        using var key = authority.GetECDsaPublicKey();
        if (key is null || !leaf.IssuerName.RawData.AsSpan().SequenceEqual(authority.SubjectName.RawData))
        {
            return false;
        }

        // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING } (RFC 5280, section 4.1).
        var certificate = new AsnReader(leaf.RawDataMemory, AsnEncodingRules.DER).ReadSequence();
        var signed = certificate.ReadEncodedValue();
        certificate.ReadEncodedValue();
        var signature = certificate.ReadBitString(out _);
        return key.VerifyData(signed.Span, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }
}
