using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Broker.Coordination.Etcd;

/// <summary>Where etcd is and how long to wait for it.</summary>
public sealed record EtcdOptions
{
    /// <summary>
    /// Addresses of etcd's members for clients: <c>http</c> or <c>https</c>, host and port, all with the same scheme; 1 to 16. The first that answers is used until it does not any more,
    /// then the next; nodes may have them in different orders, to share the work out.
    /// </summary>
    public required IReadOnlyList<Uri> Endpoints { get; init; }

    /// <summary>
    /// What all keys of this cluster begin with in etcd, such as <c>/broker/production/</c>; 1 to 128 bytes of UTF-8 with a slash at the end. Nobody else may write below it. Values are below
    /// <c>values/</c>, and below <c>commits/</c> are the marks by which the outcome of a transaction is found out.
    /// </summary>
    public required string KeyPrefix { get; init; }

    /// <summary>How long one member has to answer one request before the next one is asked. Default 1 s; 100 ms to 10 s.</summary>
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long all of them together have, before <see cref="MetadataUnavailableException"/> is thrown: longer than etcd takes for the election of a leader, which is 1 to 3 s at its defaults.
    /// Default 10 s; from <see cref="TryTimeout"/> to 60 s.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After how long without a message a watch asks its member for a sign of life. Default 1 s; 100 ms to 60 s.</summary>
    public TimeSpan WatchSilence { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After how long without a message a watch goes on at the next member. Default 3 s; more than <see cref="WatchSilence"/>, up to 5 min.</summary>
    public TimeSpan WatchPatience { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How many values are read at a time. Default 256; 1 to 256, so that an answer fits into memory even if each value is as large as possible.</summary>
    public int PageKeys { get; init; } = 256;

    /// <summary>Who may sign etcd's certificate. <c>null</c>, the default, is whom the machine trusts. With <c>https</c> only.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>
    /// The certificate, with its private key, that this client shows; etcd asks for it if it runs with <c>--client-cert-auth</c>, and takes its common name for the user's if authentication is
    /// enabled. Default <c>null</c>: none. With <c>https</c> only.
    /// </summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Fails with a sentence that says which option is wrong and what would be right.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public void Validate()
    {
        Check(Endpoints is { Count: >= 1 and <= 16 }, $"Endpoints has {Endpoints?.Count ?? 0} addresses; it must have 1 to 16");
        foreach (var endpoint in Endpoints!)
        {
            Check(IsAddress(endpoint), $"the endpoint '{endpoint}' must be http or https, a host and a port, and nothing else, such as https://etcd-1.example:2379");
            Check(endpoint.Scheme == Endpoints[0].Scheme, $"the endpoints '{Endpoints[0]}' and '{endpoint}' must both be http or both be https");
        }

        Check(Endpoints.Distinct().Count() == Endpoints.Count, "an endpoint occurs twice; each member must occur once");
        var prefixBytes = string.IsNullOrEmpty(KeyPrefix) ? 0 : Encoding.UTF8.GetByteCount(KeyPrefix);
        Check(prefixBytes is >= 1 and <= 128, $"KeyPrefix '{KeyPrefix}' has {prefixBytes} bytes; it must have 1 to 128");
        Check(KeyPrefix[^1] == '/', $"KeyPrefix '{KeyPrefix}' must end with a slash");
        CheckRange(TryTimeout, nameof(TryTimeout), TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10));
        CheckRange(Patience, nameof(Patience), TryTimeout, TimeSpan.FromSeconds(60));
        CheckRange(WatchSilence, nameof(WatchSilence), TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(60));
        CheckRange(WatchPatience, nameof(WatchPatience), WatchSilence + TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5));
        Check(PageKeys is >= 1 and <= 256, $"PageKeys {PageKeys} must be between 1 and 256");
        CheckTls(Endpoints[0].Scheme == Uri.UriSchemeHttps);
    }

    private void CheckTls(bool isSecure)
    {
        Check(isSecure || CertificateAuthorities is null, "CertificateAuthorities are given but the endpoints are http; make them https");
        Check(isSecure || ClientCertificate is null, "a ClientCertificate is given but the endpoints are http; make them https");
        Check(CertificateAuthorities is not { Count: 0 }, "CertificateAuthorities are empty, so no member could be trusted; give at least one, or null for those that the machine trusts");
        Check(ClientCertificate is not { HasPrivateKey: false }, $"the ClientCertificate '{ClientCertificate?.Subject}' has no private key");
    }

    private static bool IsAddress(Uri? endpoint) =>
        endpoint is { IsAbsoluteUri: true, AbsolutePath: "/", Query: "", Fragment: "", UserInfo: "" } && (endpoint.Scheme == Uri.UriSchemeHttp || endpoint.Scheme == Uri.UriSchemeHttps);

    private static void CheckRange(TimeSpan value, string name, TimeSpan least, TimeSpan most) =>
        Check(value >= least && value <= most, $"{name} {value.TotalSeconds:0.###} s must be between {least.TotalSeconds:0.###} and {most.TotalSeconds:0.###} s");

    private static void Check(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
