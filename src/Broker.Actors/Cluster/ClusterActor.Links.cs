using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Broker.Actors.Links;
using Broker.Actors.Runtime;
using Broker.Machines.Cluster;

namespace Broker.Actors.Cluster;

/// <summary>The links to all other nodes, and who is suspected because of them.</summary>
internal sealed partial class ClusterActor
{
    private static readonly TimeSpan s_resolveInterval = TimeSpan.FromSeconds(2);
    private readonly Dictionary<string, Peer> _peers = new(StringComparer.Ordinal);
    private long _linksMade;

    /// <summary>Another node that this one has, or is about to have, a link to.</summary>
    private sealed class Peer(string name)
    {
        public string Name => name;

        public ActorRef? Link { get; set; }

        public string Host { get; set; } = "";

        public IPEndPoint? EndPoint { get; set; }

        /// <summary>Where it says that it listens.</summary>
        public IReadOnlyList<string> Addresses { get; set; } = [];

        public bool IsUp { get; set; }

        /// <summary>The life that was registered when it was last looked at.</summary>
        public long Incarnation { get; set; }

        /// <summary>From when on a link that is down is suspicious.</summary>
        public TimeSpan SuspiciousFrom { get; set; }

        /// <summary>Since when it is down.</summary>
        public TimeSpan DownSince { get; set; }
    }

    private abstract record LinkMessageOfCluster(string Node);

    private sealed record Resolved(string Node, string Host, IPEndPoint EndPoint) : LinkMessageOfCluster(Node);

    private sealed record Unresolved(string Node, string Reason) : LinkMessageOfCluster(Node);

    private sealed record ResolveAgain(string Node) : LinkMessageOfCluster(Node);

    /// <summary>How long a node that was never reached in its present life has to be reachable before it is suspected: a node dials anew within that time.</summary>
    private TimeSpan Grace => _options.Links.DialTimeout + _options.Links.SuspicionTimeout;

    private void Handle(LinkMessageOfCluster message)
    {
        switch (message)
        {
            case Resolved m when _peers.TryGetValue(m.Node, out var peer):
                Connect(peer, m.Host, m.EndPoint);
                break;
            case Unresolved m when _peers.ContainsKey(m.Node):
                Publish("link-down", m.Node, m.Reason);
                ResolveLater(m.Node);
                break;
            case ResolveAgain m when _peers.TryGetValue(m.Node, out var peer) && !peer.IsUp:
                Resolve(peer);
                break;
        }
    }

    /// <summary>A node has come, gone or moved, or something else is asked of it. A link is kept for as long as its node is expected back.</summary>
    private void FollowLink(string node)
    {
        if (node == Name || _hasLeft)
        {
            return;
        }

        var registered = _view.Nodes.GetValueOrDefault(node)?.Value;
        if (_view.StateOf(node) == NodeState.Down || (registered is null && !_view.Standings.ContainsKey(node)))
        {
            Disconnect(node);
        }
        else if (registered is not null)
        {
            if (!_peers.TryGetValue(node, out var peer))
            {
                _peers[node] = peer = new Peer(node) { DownSince = Now };
            }

            if (peer.Incarnation != registered.Incarnation)
            {
                peer.Incarnation = registered.Incarnation;
                peer.SuspiciousFrom = peer.IsUp ? Now : Now + Grace;
                Resolve(peer);
            }
        }
    }

    private void Resolve(Peer peer)
    {
        if (_view.Nodes.GetValueOrDefault(peer.Name)?.Value is not { } registered)
        {
            ResolveLater(peer.Name);
            return;
        }

        peer.Addresses = registered.Addresses;
        _cluster.Links.SetAddresses(peer.Name, peer.Addresses);
        var (node, address) = (peer.Name, registered.Addresses[0]);
        var colon = address.LastIndexOf(':');
        var host = address[..colon].Trim('[', ']');
        var port = int.Parse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture);
        Context.PipeTo(ResolveAsync(host, port, _stopped.Token), endPoint => new Resolved(node, host, endPoint), e => new Unresolved(node, $"its address '{address}' cannot be resolved: {e.Message}"));
    }

    /// <summary>The addresses of a name may change while the name stays.</summary>
    private void ResolveLater(string node) => Context.Timers.StartSingle((nameof(ResolveAgain), node), new ResolveAgain(node), s_resolveInterval);

    private static async Task<IPEndPoint> ResolveAsync(string host, int port, CancellationToken stopped)
    {
        if (IPAddress.TryParse(host, out var address))
        {
            return new IPEndPoint(address, port);
        }

        var found = await Dns.GetHostAddressesAsync(host, stopped);
        return found.Length > 0
            ? new IPEndPoint(found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0], port)
            : throw new IOException("the name has no address");
    }

    private void Connect(Peer peer, string host, IPEndPoint endPoint)
    {
        if (peer.Link is { } link && peer.Host == host)
        {
            peer.EndPoint = endPoint;
            if (!peer.IsUp)
            {
                link.Tell(new LinkMessage.Moved(endPoint), Self);
                ResolveLater(peer.Name);
            }

            return;
        }

        Cut(peer);
        (peer.Host, peer.EndPoint) = (host, endPoint);
        Dial(peer);
    }

    private void Dial(Peer peer)
    {
        var status = new LinkStatus(peer.Name) { Addresses = peer.Addresses };
        var client = _options.Dial with { EndPoint = peer.EndPoint!, ServerName = peer.Host };
        var (transport, identity, links, node) = (_transport, _cluster.Identity, _options.Links, _node);
        peer.Link = Context.ActorOf(
            Props.Create(() => new NodeLinkActor(status, client, transport, identity, links, node, new Random())),
            string.Create(CultureInfo.InvariantCulture, $"link-{++_linksMade}"));
        Context.Watch(peer.Link);
        peer.Link.Tell(new LinkMessage.Subscribe(Self), Self);
        _cluster.Links.Add(peer.Name, peer.Link, status);
        ResolveLater(peer.Name);
    }

    private void Disconnect(string node)
    {
        if (_peers.Remove(node, out var peer))
        {
            Context.Timers.Cancel((nameof(ResolveAgain), node));
            Cut(peer);
        }
    }

    private void Cut(Peer peer)
    {
        if (peer.Link is { } link)
        {
            Context.Unwatch(link);
            Context.Stop(link);
            _cluster.Links.Remove(peer.Name);
            peer.Link = null;
            SetDown(peer);
        }
    }

    /// <summary>This node has begun another life, which the others are to hear of.</summary>
    private void RenewLinks()
    {
        foreach (var peer in _peers.Values.Where(p => p.Link is not null))
        {
            Cut(peer);
            peer.SuspiciousFrom = Now + Grace; // it is this node that has hung up
            Dial(peer);
        }
    }

    private void HandleLink(string node, ActorRef link, bool isUp, string why)
    {
        if (!_peers.TryGetValue(node, out var peer) || peer.Link != link || peer.IsUp == isUp)
        {
            return;
        }

        Publish(isUp ? "link-up" : "link-down", node, why);
        if (isUp)
        {
            peer.IsUp = true;
            Context.Timers.Cancel((nameof(ResolveAgain), node));
        }
        else
        {
            SetDown(peer);
            ResolveLater(node);
        }

        ConsiderOffice();
        LookSoon();
        ConsiderLeaving();
    }

    private void SetDown(Peer peer)
    {
        if (peer.IsUp)
        {
            (peer.IsUp, peer.DownSince, peer.SuspiciousFrom) = (false, Now, Now);
        }
    }

    private void HandleEnd(ActorRef actor)
    {
        if (_peers.Values.FirstOrDefault(p => p.Link == actor) is { } peer)
        {
            Publish("link-down", peer.Name, "the link has failed and is made anew");
            _cluster.Links.Remove(peer.Name);
            peer.Link = null;
            SetDown(peer);
            ResolveLater(peer.Name);
            ConsiderOffice();
            LookSoon();
        }
    }

    private bool IsReachable(string node) => node == Name || (_peers.TryGetValue(node, out var peer) && peer.IsUp);

    /// <summary>Nodes whose lease stands, and how many of them this one reaches, itself included.</summary>
    private (int Alive, int Reached) CountNodes()
    {
        var alive = _view.Nodes.Keys.Where(_view.IsAlive).ToList();
        return (alive.Count, alive.Count(IsReachable));
    }

    /// <summary>
    /// Says whose routes a change of what is declared is to wait for: nodes that are registered, unless they are suspected. One that has just come is waited for until its link is up or suspicious, so
    /// that is looked at again when its time is over.
    /// </summary>
    private void UpdateBarrier()
    {
        _cluster.Barrier.Await([.. _view.Nodes.Keys.Where(n => n != Name && _view.IsAlive(n) && !IsSuspected(n))]);
        var next = _peers.Values.Where(p => !p.IsUp && p.SuspiciousFrom > Now).Select(p => (TimeSpan?)p.SuspiciousFrom).Min();
        if (next is { } at)
        {
            Context.Timers.StartSingle(LookAtBarrier.Instance, LookAtBarrier.Instance, at - Now);
        }
    }

    private sealed record LookAtBarrier
    {
        public static readonly LookAtBarrier Instance = new();
    }

    /// <summary>Whether the link says that a node is gone, although its lease stands.</summary>
    private bool IsSuspected(string node) => _peers.TryGetValue(node, out var peer) && !peer.IsUp && Now >= peer.SuspiciousFrom;
}
