using Broker.Client;
using Broker.Node.Configuration;
using Broker.Transport;
using k8s.Models;

namespace Broker.Deploy.Tests.Kubernetes;

/// <summary>How packets reach the node.</summary>
public sealed class NetworkTests
{
    [Theory]
    [InlineData("broker", "ClusterIP")]
    [InlineData("broker-nodes", null)]
    [InlineData("broker-external", "LoadBalancer")]
    public void A_service_leads_to_the_nodes_UDP_port(string name, string? type)
    {
        var spec = Manifests.The<V1Service>(name).Spec;
        Assert.Equal(type, spec.Type);
        var port = Assert.Single(spec.Ports);
        Assert.Equal((new BrokerNodeOptions().Port, "UDP"), (port.Port, port.Protocol));
        Assert.Contains(Manifests.NodeContainer.Ports, target => target.Name == port.TargetPort.Value && target.Protocol == port.Protocol);
        Assert.Null(spec.SessionAffinity); // a connection may go on from another address
    }

    [Fact]
    public void Clients_keep_their_address_on_the_way_in() =>
        Assert.Equal("Local", Manifests.The<V1Service>("broker-external").Spec.ExternalTrafficPolicy);

    [Fact]
    public void Clients_may_come_in_and_nodes_call_each_other_and_etcd_and_nobody_else()
    {
        var policy = Manifests.The<V1NetworkPolicy>("broker").Spec;
        Assert.Equal(["Ingress", "Egress"], policy.PolicyTypes);
        var rule = Assert.Single(policy.Ingress);
        Assert.Null(rule.FromProperty);
        Assert.Equal(["7400/UDP"], Ports(rule.Ports));
        Assert.Equal(Number(Manifests.NodeContainer, "quic"), rule.Ports[0].Port.Value);
        Assert.Equal(["node 7400/UDP", "etcd 2379/TCP", "anybody 53/UDP 53/TCP"], policy.Egress.Select(e => $"{Peer(e.To)} {string.Join(' ', Ports(e.Ports))}"));
    }

    [Fact]
    public void Etcd_is_reached_by_the_nodes_and_its_members_alone()
    {
        var policy = Manifests.The<V1NetworkPolicy>("broker-etcd").Spec;
        Assert.Equal(["Ingress", "Egress"], policy.PolicyTypes);
        Assert.Equal(["node 2379/TCP", "etcd 2379/TCP 2380/TCP"], policy.Ingress.Select(i => $"{Peer(i.FromProperty)} {string.Join(' ', Ports(i.Ports))}"));
        Assert.Equal(["etcd 2379/TCP 2380/TCP", "anybody 53/UDP 53/TCP"], policy.Egress.Select(e => $"{Peer(e.To)} {string.Join(' ', Ports(e.Ports))}"));
    }

    /// <summary>Linux forgets a UDP flow after 30 s; the policy and the services rely on a connection being used, or gone, before that.</summary>
    [Fact]
    public void No_connection_is_silent_for_longer_than_its_flow_is_known()
    {
        var forgotten = TimeSpan.FromSeconds(30);
        Assert.True(new BrokerClientOptions().KeepAliveInterval < forgotten / 2);
        Assert.True(new QuicListenerOptions { EndPoint = new(0, 0), ApplicationProtocols = [], Tls = new QuicTlsOptions { TrustedRootsPem = default } }.IdleTimeout <= forgotten);
    }

    /// <summary>They make each other ready, so they must find each other before.</summary>
    [Theory]
    [InlineData("broker-nodes")]
    [InlineData("broker-etcd")]
    public void Names_of_pods_are_known_before_they_are_ready(string service)
    {
        var spec = Manifests.The<V1Service>(service).Spec;
        Assert.Equal(("None", true), (spec.ClusterIP, spec.PublishNotReadyAddresses));
        Assert.Contains(Manifests.All.OfType<V1StatefulSet>(), set => set.Spec.ServiceName == service && set.Spec.PodManagementPolicy == "Parallel");
    }

    private static string Number(V1Container container, string port) => container.Ports.Single(p => p.Name == port).ContainerPort.ToString();

    private static IEnumerable<string> Ports(IEnumerable<V1NetworkPolicyPort> ports) => ports.Select(p => $"{p.Port.Value}/{p.Protocol}");

    private static string Peer(IList<V1NetworkPolicyPeer>? peers) => peers is null ? "anybody" : Assert.Single(peers).PodSelector.MatchLabels["app.kubernetes.io/component"];
}
