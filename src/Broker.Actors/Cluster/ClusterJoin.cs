using System.Globalization;
using System.Net;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Machines.Cluster;
using Broker.Machines.Links;

namespace Broker.Actors.Cluster;

/// <summary>How a node that starts joins its cluster.</summary>
internal static class ClusterJoin
{
    /// <summary>Makes sure that the cluster is the one that the node is set up for, before anything is written.</summary>
    /// <exception cref="IOException">It is another one, or the metadata store does not answer.</exception>
    public static async Task<ClusterMembership> CheckAsync(ActorSystem system, NodeServices node, CancellationToken cancellationToken)
    {
        var (options, cluster, storage) = (node.Options, node.Cluster!.Options, node.Storage!.Options);
        var self = new NodeRegistration(
            options.NodeId,
            1, // each life's lease has its own
            storage.Store.Identity.Store,
            cluster.Zone,
            cluster.Addresses.Count > 0 ? cluster.Addresses : [AddressOf(node.Cluster!.Listening)],
            options.ProductVersion);
        var info = new ClusterInfo(options.ClusterName, options.ShardCount, system.TimeProvider.GetUtcNow());
        var membership = new ClusterMembership(storage.Metadata, self, info, cluster.LeaseTime, system.TimeProvider);
        await membership.CheckAsync(cancellationToken);
        return membership;
    }

    /// <summary>Registers the node, which serves from now on, and starts the cluster's actor.</summary>
    /// <exception cref="IOException">Another node has the name, or the metadata store does not answer.</exception>
    public static async Task RunAsync(ActorSystem system, NodeServices node, ClusterMembership membership, CancellationToken cancellationToken)
    {
        var cluster = node.Cluster!;
        await membership.StandAsync(cancellationToken);
        var life = await membership.BeginAsync(cancellationToken);
        cluster.Identity = new LinkIdentity(node.Options.ClusterName, life.Life, membership.Store);
        cluster.Cluster = system.ActorOf(Props.Create(() => new ClusterActor(node, cluster.Transport, membership)), "cluster");
    }

    /// <summary>Where a node that listens on all addresses can be reached is by its host's name.</summary>
    private static string AddressOf(IPEndPoint listening) => listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any)
        ? string.Create(CultureInfo.InvariantCulture, $"{Dns.GetHostName()}:{listening.Port}")
        : listening.ToString();
}
