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
    public void Clients_may_come_in_and_the_node_calls_nobody()
    {
        var policy = Assert.Single(Manifests.All.OfType<V1NetworkPolicy>()).Spec;
        Assert.Equal(["Ingress", "Egress"], policy.PolicyTypes);
        Assert.Empty(policy.Egress);
        var rule = Assert.Single(policy.Ingress);
        Assert.Null(rule.FromProperty);
        var port = Assert.Single(rule.Ports);
        Assert.Equal((Manifests.NodeContainer.Ports.Single(quic => quic.Name == "quic").ContainerPort.ToString(), "UDP"), (port.Port.Value, port.Protocol));
    }

    /// <summary>Linux forgets a UDP flow after 30 s; the policy and the services rely on a connection being used, or gone, before that.</summary>
    [Fact]
    public void No_connection_is_silent_for_longer_than_its_flow_is_known()
    {
        var forgotten = TimeSpan.FromSeconds(30);
        Assert.True(new BrokerClientOptions().KeepAliveInterval < forgotten / 2);
        Assert.True(new QuicListenerOptions { EndPoint = new(0, 0), ApplicationProtocols = [], Tls = new QuicTlsOptions { TrustedRootsPem = default } }.IdleTimeout <= forgotten);
    }

    [Fact]
    public void Nobody_evicts_the_only_node_unasked()
    {
        var budget = Assert.Single(Manifests.All.OfType<V1PodDisruptionBudget>()).Spec;
        Assert.Equal(("0", "AlwaysAllow"), (budget.MaxUnavailable.Value, budget.UnhealthyPodEvictionPolicy));
    }
}
