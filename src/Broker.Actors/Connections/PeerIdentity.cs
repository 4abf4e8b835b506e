using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Broker.Transport;

namespace Broker.Actors.Connections;

/// <summary>What a certificate allows beyond being a client.</summary>
[Flags]
internal enum PeerRoles
{
    /// <summary>Publish, consume, declare.</summary>
    Client = 1,

    /// <summary>Also administer.</summary>
    Admin = 2,

    /// <summary>Another node of the cluster.</summary>
    Node = 4,
}

/// <summary>Who a peer is, by its certificate: the common name is the user, URI names of the form <c>broker://role/NAME</c> give roles.</summary>
/// <param name="User">The subject's common name; the whole subject if it has none.</param>
/// <param name="Roles">Roles; a certificate that names none is a client.</param>
internal sealed record PeerIdentity(string User, PeerRoles Roles)
{
    private const string RolePrefix = "broker://role/";
    private const string SubjectAlternativeName = "2.5.29.17";
    private static readonly Asn1Tag UniformResourceIdentifier = new(TagClass.ContextSpecific, 6); // RFC 5280, section 4.2.1.6

    /// <summary>Of a peer that showed no certificate, where the listener allows that.</summary>
    public static PeerIdentity Anonymous { get; } = new("anonymous", PeerRoles.Client);

    /// <summary>Who is at the other end of a connection.</summary>
    /// <exception cref="CryptographicException">The certificate does not parse.</exception>
    public static PeerIdentity Of(IQuicConnection connection) => connection.PeerCertificate is { } der ? FromCertificate(der.Span) : Anonymous;

    /// <exception cref="CryptographicException">The certificate does not parse.</exception>
    public static PeerIdentity FromCertificate(ReadOnlySpan<byte> der)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(der);
        var user = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        var roles = PeerRoles.Client;
        foreach (var name in UriNames(certificate))
        {
            roles |= name switch
            {
                RolePrefix + "admin" => PeerRoles.Admin,
                RolePrefix + "node" => PeerRoles.Node,
                _ => PeerRoles.Client,
            };
        }

        return new PeerIdentity(user.Length > 0 ? user : certificate.Subject, roles);
    }

    private static IEnumerable<string> UriNames(X509Certificate2 certificate)
    {
        if (certificate.Extensions[SubjectAlternativeName] is not { } extension)
        {
            yield break;
        }

        AsnReader names;
        try
        {
            names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("the certificate's alternative names do not parse", e);
        }

        while (names.HasData)
        {
            if (names.PeekTag().HasSameClassAndValue(UniformResourceIdentifier))
            {
                yield return names.ReadCharacterString(UniversalTagNumber.IA5String, UniformResourceIdentifier);
            }
            else
            {
                names.ReadEncodedValue();
            }
        }
    }
}
