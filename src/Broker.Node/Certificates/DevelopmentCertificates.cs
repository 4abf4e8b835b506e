using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Broker.Node.Data;

namespace Broker.Node.Certificates;

/// <summary>
/// The certificates that let one machine start without a public key infrastructure: <c>ca</c>, <c>server</c>, <c>client</c> and <c>admin</c>,
/// each a <c>.pem</c> and a <c>.key</c> file of mode 0600. Whatever is missing, unreadable or about to expire is made anew; the rest is left alone.
/// </summary>
/// <param name="folder">Where they are, or will be.</param>
/// <param name="time">The clock of their validity.</param>
/// <param name="hosts">What clients may call the server, besides this machine's own names: DNS names and IP addresses. Default: nothing.</param>
internal sealed class DevelopmentCertificates(string folder, TimeProvider time, params IReadOnlyList<string> hosts)
{
    private const string Authority = "ca";
    private const string Server = "server";

    // A node should not outlive the certificate that it started with.
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(14);

    /// <summary>Makes what is missing.</summary>
    /// <returns>The names of the certificates that were made, in order; empty if all were there.</returns>
    /// <exception cref="ArgumentException">One of the hosts is no DNS name or IP address.</exception>
    public IReadOnlyList<string> Ensure()
    {
        var made = new List<string>();
        var hostNames = HostNames();
        using var authority = LoadOrCreateAuthority(made);
        EnsureLeaf(authority, Server, CertificateRole.Node, hostNames, made);
        EnsureLeaf(authority, "client", CertificateRole.Client, [], made);
        EnsureLeaf(authority, "admin", CertificateRole.Admin, [], made);
        return made;
    }

    /// <summary>Makes a certificate for one more user, replacing one of the same name.</summary>
    /// <exception cref="ArgumentException">The name is not 1 to 64 letters, digits, dots, dashes or underscores, or is taken by the authority or the
    /// server.</exception>
    public void Issue(string user, CertificateRole role)
    {
        if (user is Authority or Server || user.Length is 0 or > 64 || user[0] == '.' || !user.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
        {
            throw new ArgumentException(
                $"'{user}' cannot name a user: use 1 to 64 letters, digits, dots, dashes or underscores, and neither 'ca' nor 'server'");
        }

        using var authority = LoadOrCreateAuthority([]);
        Write(user, authority.Issue(user, role, role == CertificateRole.Node ? HostNames() : [], time.GetUtcNow()));
    }

    private IReadOnlyList<string> HostNames()
    {
        if (hosts.FirstOrDefault(host => Uri.CheckHostName(host) is not (UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6)) is { } wrong)
        {
            throw new ArgumentException($"'{wrong}' cannot name a server: use DNS names and IP addresses");
        }

        var machine = Environment.MachineName.ToLowerInvariant();
        string[] names = ["localhost", machine, "127.0.0.1", "::1"];
        return [.. names.Where(name => name != machine || Uri.CheckHostName(machine) == UriHostNameType.Dns).Concat(hosts).Distinct()];
    }

    private DevelopmentAuthority LoadOrCreateAuthority(List<string> made)
    {
        PrivateFile.CreateFolder(folder);
        if (Load(Authority) is { } certificate)
        {
            using (certificate)
            {
                if (IsCurrent(certificate))
                {
                    return DevelopmentAuthority.Load(File.ReadAllText(CertificatePath(Authority)), File.ReadAllText(KeyPath(Authority)));
                }
            }
        }

        var authority = DevelopmentAuthority.Create(time.GetUtcNow());
        using var key = authority.Certificate.GetECDsaPrivateKey()!;
        Write(Authority, (Encoding.ASCII.GetBytes(authority.Certificate.ExportCertificatePem()), Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem())));
        made.Add(Authority);
        return authority;
    }

    private void EnsureLeaf(DevelopmentAuthority authority, string name, CertificateRole role, IReadOnlyList<string> hostNames, List<string> made)
    {
        using var existing = Load(name);
        if (existing is not null && IsCurrent(existing) && IsSignedBy(existing, authority.Certificate) && hostNames.All(host => existing.MatchesHostname(host)))
        {
            return;
        }

        Write(name, authority.Issue(name, role, hostNames.Union(HostNames(existing)), time.GetUtcNow()));
        made.Add(name);
    }

    // Whoever renews a certificate need not know what its server was once said to be called.
    private static IEnumerable<string> HostNames(X509Certificate2? existing) =>
        from extension in existing?.Extensions.OfType<X509SubjectAlternativeNameExtension>() ?? []
        from name in extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString()))
        select name;

    private X509Certificate2? Load(string name)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(CertificatePath(name), KeyPath(name));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or FileNotFoundException)
        {
            return null;
        }
    }

    private bool IsCurrent(X509Certificate2 certificate)
    {
        var now = time.GetUtcNow();
        return certificate.NotBefore <= now && now + RenewBefore < certificate.NotAfter;
    }

    private bool IsSignedBy(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().LocalDateTime;
        return chain.Build(certificate);
    }

    // The key first: a certificate that exists then always has its key.
    private void Write(string name, (byte[] CertificatePem, byte[] KeyPem) pair)
    {
        PrivateFile.Write(KeyPath(name), pair.KeyPem);
        PrivateFile.Write(CertificatePath(name), pair.CertificatePem);
    }

    private string CertificatePath(string name) => Path.Combine(folder, name + ".pem");

    private string KeyPath(string name) => Path.Combine(folder, name + ".key");
}
