using System.Security.Cryptography.X509Certificates;
using Broker.Transport.Tls;

namespace Broker.Transport.InMemory;

/// <summary>What TLS decides in a handshake, without the cryptography between the two sides.</summary>
internal static class InMemoryHandshake
{
    /// <summary>The server's first protocol that the client speaks as well (RFC 7301, section 3.2); <c>null</c> if there is none.</summary>
    public static string? ChooseProtocol(IReadOnlyList<string> server, IReadOnlyList<string> client) => server.FirstOrDefault(client.Contains);

    /// <summary>Why the client must refuse the server, or <c>null</c>.</summary>
    public static string? JudgeServer(TlsIdentity server, TlsIdentity client, string serverName, DateTimeOffset now) =>
        Judge(server, PeerTrust.ServerPolicy(client.Roots), serverName, now);

    /// <summary>Why the server must refuse the client, or <c>null</c>.</summary>
    public static string? JudgeClient(TlsIdentity client, TlsIdentity server, bool required, DateTimeOffset now)
    {
        if (client.Certificate is null)
        {
            return required ? "the client showed no certificate" : null;
        }

        return Judge(client, PeerTrust.ClientPolicy(server.Roots), serverName: null, now);
    }

    private static string? Judge(TlsIdentity peer, X509ChainPolicy policy, string? serverName, DateTimeOffset now)
    {
        policy.ExtraStore.AddRange(peer.Intermediates);
        policy.VerificationTime = now.UtcDateTime;
        policy.VerificationTimeIgnored = false;
        return PeerTrust.FindFault(peer.Certificate!, policy, serverName);
    }
}
