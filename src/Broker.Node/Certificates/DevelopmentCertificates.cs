using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Broker.Node.Data;

namespace Broker.Node.Certificates;

/// <summary>
/// The certificates that let one machine start without a public key infrastructure: <c>ca</c>, <c>server</c>, <c>client</c> and <c>admin</c>,
/// each a <c>.pem</c> and a <c>.key</c> file of mode 0600, and for a node of a cluster <c>node-</c> and its name in place of <c>server</c>. Whatever is missing, unreadable or about to expire
/// is made anew; the rest is left alone. Nodes of one machine may share the folder.
/// </summary>
/// <param name="folder">Where they are, or will be.</param>
/// <param name="time">The clock of their validity.</param>
/// <param name="hosts">What clients may call the server, besides this machine's own names: DNS names and IP addresses. Default: nothing.</param>
internal sealed class DevelopmentCertificates(string folder, TimeProvider time, params IReadOnlyList<string> hosts)
{
    private const string Authority = "ca";
    private const string Server = "server";
    private const string NodePrefix = "node-";
    private const string LockFile = "lock";
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(30);

    // A node should not outlive the certificate that it started with.
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(14);

    /// <summary>What the files of a node are called: <c>server</c>, or for one of a cluster, which shows its own name, <c>node-</c> and that name.</summary>
    public static string FileNameOf(string? clusterNode) => clusterNode is null ? Server : NodePrefix + clusterNode;

    /// <summary>Makes what is missing.</summary>
    /// <param name="clusterNodes">Names of nodes of a cluster; none: a server for a node by itself.</param>
    /// <returns>The names of the certificates that were made, in order; empty if all were there.</returns>
    /// <exception cref="ArgumentException">One of the hosts is no DNS name or IP address, or one of the names cannot be a node's.</exception>
    public IReadOnlyList<string> Ensure(params IReadOnlyList<string> clusterNodes)
    {
        foreach (var node in clusterNodes)
        {
            CheckName(node, "a node");
        }

        var made = new List<string>();
        var hostNames = HostNames();
        PrivateFile.CreateFolder(folder);
        using var held = Lock();
        using var authority = LoadOrCreateAuthority(made);
        if (clusterNodes.Count == 0)
        {
            EnsureLeaf(authority, Server, Server, CertificateRole.Node, hostNames, made);
        }

        foreach (var node in clusterNodes)
        {
            EnsureLeaf(authority, FileNameOf(node), node, CertificateRole.Node, hostNames, made, dials: true);
        }

        EnsureLeaf(authority, "client", "client", CertificateRole.Client, [], made);
        EnsureLeaf(authority, "admin", "admin", CertificateRole.Admin, [], made);
        return made;
    }

    /// <summary>Makes a certificate for one more user, replacing one of the same name.</summary>
    /// <exception cref="ArgumentException">The name is not 1 to 64 letters, digits, dots, dashes or underscores, or is taken by the authority or a
    /// server.</exception>
    public void Issue(string user, CertificateRole role)
    {
        CheckName(user, "a user");
        if (user is Authority or Server or LockFile || user.StartsWith(NodePrefix, StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{user}' cannot name a user: 'ca', 'server', 'lock' and what begins with 'node-' are taken");
        }

        PrivateFile.CreateFolder(folder);
        using var held = Lock();
        using var authority = LoadOrCreateAuthority([]);
        Write(user, authority.Issue(user, role, role == CertificateRole.Node ? HostNames() : [], time.GetUtcNow()));
    }

    private static void CheckName(string name, string of)
    {
        if (name.Length is 0 or > 64 || name[0] == '.' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
        {
            throw new ArgumentException($"'{name}' cannot name {of}: use 1 to 64 letters, digits, dots, dashes or underscores");
        }
    }

    // Nodes that start at once would each make an authority of their own, and trust nobody else.
    private FileStream Lock()
    {
        FileStream? held = null;
        return SpinWait.SpinUntil(() => (held = TryLock()) is not null, LockPatience)
            ? held!
            : throw new IOException($"another process has made certificates in '{folder}' for more than {LockPatience.TotalSeconds} s, or stands still");
    }

    private FileStream? TryLock()
    {
        try
        {
            return new FileStream(Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException))
        {
            return null;
        }
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

    private void EnsureLeaf(
        DevelopmentAuthority authority, string name, string user, CertificateRole role, IReadOnlyList<string> hostNames, List<string> made, bool dials = false)
    {
        using var existing = Load(name);
        if (existing is not null && IsCurrent(existing) && IssuedBy.Check(existing, authority.Certificate) && hostNames.All(host => existing.MatchesHostname(host)))
        {
            return;
        }

        Write(name, authority.Issue(user, role, hostNames.Union(HostNames(existing)), time.GetUtcNow(), dials));
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

    // The key first: a certificate that exists then always has its key.
    private void Write(string name, (byte[] CertificatePem, byte[] KeyPem) pair)
    {
        PrivateFile.Write(KeyPath(name), pair.KeyPem);
        PrivateFile.Write(CertificatePath(name), pair.CertificatePem);
    }

    private string CertificatePath(string name) => Path.Combine(folder, name + ".pem");

    private string KeyPath(string name) => Path.Combine(folder, name + ".key");
}
