using System.Collections.Concurrent;
using Broker.Transport;
using Broker.Transport.Tests;

namespace Broker.Actors.Tests.Links;

/// <summary>Certificates of nodes: one to listen with and one to dial with, both of the node's name.</summary>
internal static class LinkCertificates
{
    private const string ServerAuth = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuth = "1.3.6.1.5.5.7.3.2";
    private static readonly ConcurrentDictionary<(string, string), QuicTlsOptions> s_issued = new();

    public static QuicTlsOptions Listener(string node) => Issue(node, ServerAuth);

    public static QuicTlsOptions Dialler(string node) => Issue(node, ClientAuth);

    private static QuicTlsOptions Issue(string node, string usage) =>
        s_issued.GetOrAdd((node, usage), key => TestCertificates.Authority.Issue(key.Item1, key.Item2, uris: ["broker://role/node"]));
}
