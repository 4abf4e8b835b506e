using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Broker.Actors.Cluster;
using Broker.Coordination.Etcd;
using Broker.Machines.Replication;
using Broker.Node.Configuration;
using Broker.Transport;

namespace Broker.Node.Hosting;

/// <summary>What a node's options make of it in a cluster.</summary>
internal static class ClusterSettings
{
    /// <summary>How the node is one of its cluster.</summary>
    /// <param name="options">The cluster's options.</param>
    /// <param name="node">The node's.</param>
    /// <param name="listener">How it listens: it shows the others the same certificate as it shows to those who dial it.</param>
    /// <param name="onEvent">Hears what happens in the cluster.</param>
    public static BrokerClusterOptions From(ClusterOptions options, BrokerNodeOptions node, QuicListenerOptions listener, Action<ClusterEvent> onEvent) => new()
    {
        Addresses = options.AdvertisedAddresses,
        Zone = options.Zone,
        LeaseTime = options.LeaseTime,
        DrainTimeout = options.DrainTimeout,
        Placement = options.Placement,
        Replication = new ReplicaOptions { MinInSync = options.Placement.MinInSync },
        Dial = new QuicClientOptions
        {
            // Address, name and protocols are those of each node that is dialled.
            EndPoint = new IPEndPoint(IPAddress.Loopback, node.Port),
            ServerName = node.Name,
            ApplicationProtocols = [],
            Tls = listener.Tls,
        },
        OnEvent = onEvent,
    };

    /// <summary>Where etcd is, with what the node shows to it.</summary>
    /// <exception cref="IOException">A file cannot be read, or is no certificate.</exception>
    public static EtcdOptions Etcd(ClusterOptions options) => options.ToEtcdOptions() with
    {
        CertificateAuthorities = options.EtcdCa is { } authorities ? Read(authorities, Authorities) : null,
        ClientCertificate = options.EtcdCertificate is { } certificate ? Read(certificate, path => X509Certificate2.CreateFromPemFile(path, options.EtcdKey)) : null,
    };

    private static X509Certificate2Collection Authorities(string path)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(path);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("there is no certificate in it");
    }

    private static T Read<T>(string path, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new IOException($"the certificate for etcd in '{path}' cannot be used: {e.Message}", e);
        }
    }
}
