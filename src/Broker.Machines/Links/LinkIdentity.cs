using Broker.Machines.Cluster;
using Broker.Protocol;
using Broker.Protocol.Links;

namespace Broker.Machines.Links;

/// <summary>Who a node is on its links, and whom it takes for another node of its cluster.</summary>
/// <param name="Cluster">Name or number of the cluster, compared as it is.</param>
/// <param name="Life">This life of the node.</param>
/// <param name="Store">Number of the store on its disk.</param>
public sealed record LinkIdentity(string Cluster, NodeLife Life, Guid Store)
{
    /// <summary>How the node introduces itself.</summary>
    /// <param name="maxFrameBytes">Longest frame payload that it takes, in bytes.</param>
    public LinkGreeting Greet(int maxFrameBytes) => new() { Cluster = Cluster, Node = Life.Node, Incarnation = Life.Incarnation, Store = Store, MaxFrameBytes = maxFrameBytes };

    /// <summary>Why the peer with this certificate is refused before it has said anything; <c>null</c> if it may go on.</summary>
    /// <param name="user">The common name of the certificate.</param>
    /// <param name="isNode">Whether it gives the role of a node.</param>
    public static FrameFault? RefusalOf(string user, bool isNode) =>
        isNode ? null : new FrameFault(ErrorCode.AccessRefused, $"'{user}' has no node role; use a certificate with the URI name broker://role/node");

    /// <summary>Why the peer that introduces itself like this is refused; <c>null</c> if it is another node of the cluster.</summary>
    /// <param name="peer">What it says.</param>
    /// <param name="user">The common name of its certificate.</param>
    /// <param name="expected">The node that was dialled; <c>null</c> on the side that accepts.</param>
    public FrameFault? RefusalOf(LinkGreeting peer, string user, string? expected = null)
    {
        if (peer.Cluster != Cluster)
        {
            return new FrameFault(ErrorCode.InvalidArgument, $"node '{peer.Node}' is of cluster '{peer.Cluster}'; this is cluster '{Cluster}'");
        }

        if (peer.Node != user)
        {
            return new FrameFault(ErrorCode.AccessRefused, $"the certificate is that of '{user}' and not of node '{peer.Node}'");
        }

        if (peer.Node == Life.Node)
        {
            return new FrameFault(ErrorCode.InvalidArgument, $"node '{peer.Node}' has the name of this node; names are unique in a cluster, and a node does not dial itself");
        }

        return expected is null || peer.Node == expected
            ? null
            : new FrameFault(ErrorCode.InvalidArgument, $"node '{peer.Node}' answers where node '{expected}' was dialled");
    }
}
