using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Broker.Transport.Tls;

/// <summary>Decides whether a peer's certificate is good for its role (RFC 5280, section 6; RFC 9525 for names).</summary>
internal static class PeerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>The rules for a certificate that a server shows to its client.</summary>
    public static X509ChainPolicy ServerPolicy(X509Certificate2Collection roots) => Policy(roots, ServerAuthentication);

    /// <summary>The rules for a certificate that a client shows to its server.</summary>
    public static X509ChainPolicy ClientPolicy(X509Certificate2Collection roots) => Policy(roots, ClientAuthentication);

    /// <summary>Why the certificate must be refused, or <c>null</c> if it is good.</summary>
    /// <param name="certificate">The peer's leaf.</param>
    /// <param name="policy">From <see cref="ServerPolicy"/> or <see cref="ClientPolicy"/>, with the peer's intermediates in its extra store.</param>
    /// <param name="serverName">DNS name or IP address that the certificate must carry; <c>null</c> for a client's certificate.</param>
    public static string? FindFault(X509Certificate2 certificate, X509ChainPolicy policy, string? serverName)
    {
        using var chain = new X509Chain { ChainPolicy = policy };
        if (!chain.Build(certificate))
        {
            return string.Join("; ", chain.ChainStatus.Select(status => $"{status.Status}: {status.StatusInformation.Trim()}"));
        }

        return serverName is null || certificate.MatchesHostname(serverName, allowCommonName: false)
            ? null
            : $"the certificate does not carry the name '{serverName}'";
    }

    private static X509ChainPolicy Policy(X509Certificate2Collection roots, string usage)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // private authorities of a cluster publish no lists; trust is withdrawn by reload
            DisableCertificateDownloads = true,          // a peer must not make us fetch what its certificate points at
        };
        policy.CustomTrustStore.AddRange(roots);
        policy.ApplicationPolicy.Add(new Oid(usage));
        return policy;
    }
}
