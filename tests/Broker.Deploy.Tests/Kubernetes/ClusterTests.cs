using Broker.Deploy.Tests.Settings;
using Broker.Machines.Cluster;
using Broker.Node.Configuration;
using k8s.Models;

namespace Broker.Deploy.Tests.Kubernetes;

/// <summary>The nodes and members of etcd as a cluster: who is how many, finds whom, and fails with whom.</summary>
public sealed class ClusterTests
{
    private const string Domain = "broker.svc"; // of the namespace
    private readonly ClusterOptions _cluster = NodeSettings.From(Manifests.The<V1ConfigMap>("broker").Data).Cluster;

    public static TheoryData<string> Sets => ["broker", "broker-etcd"];

    [Fact]
    public void There_are_as_many_nodes_as_replicas_at_least()
    {
        Assert.True(_cluster.IsEnabled);
        Assert.True(Manifests.StatefulSet.Spec.Replicas >= _cluster.Placement.Replicas);
        Assert.Equal(new PlacementOptions(), _cluster.Placement);
    }

    [Fact]
    public void The_nodes_know_every_member_of_etcd()
    {
        var port = Assert.Single(Etcd.Ports, p => p.Name == "client").ContainerPort;
        Assert.Equal(Manifests.PodsOf(Manifests.Etcd).Select(pod => $"http://{pod}.{Manifests.Etcd.Spec.ServiceName}.{Domain}:{port}"), _cluster.EtcdEndpoints);
    }

    [Fact]
    public void Every_member_of_etcd_knows_all_of_them()
    {
        var arguments = Etcd.Args.Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => a[1]);
        var name = Assert.Single(Etcd.Env);
        Assert.Equal(("NAME", "metadata.name"), (name.Name, name.ValueFrom.FieldRef.FieldPath));
        Assert.Equal("$(NAME)", arguments["--name"]);
        var (client, peer) = (Etcd.Ports.Single(p => p.Name == "client").ContainerPort, Etcd.Ports.Single(p => p.Name == "peer").ContainerPort);
        Assert.Equal(
            string.Join(',', Manifests.PodsOf(Manifests.Etcd).Select(pod => $"{pod}={arguments["--initial-advertise-peer-urls"].Replace("$(NAME)", pod, StringComparison.Ordinal)}")),
            arguments["--initial-cluster"]);
        Assert.Equal($"http://$(NAME).broker-etcd.{Domain}:{peer}", arguments["--initial-advertise-peer-urls"]);
        Assert.Equal($"http://$(NAME).broker-etcd.{Domain}:{client}", arguments["--advertise-client-urls"]);
        Assert.Equal(($"http://0.0.0.0:{client}", $"http://0.0.0.0:{peer}"), (arguments["--listen-client-urls"], arguments["--listen-peer-urls"]));
        Assert.StartsWith(Assert.Single(Etcd.VolumeMounts).MountPath, arguments["--data-dir"], StringComparison.Ordinal);
    }

    /// <summary>What docs/cluster.md asks of an etcd.</summary>
    [Fact]
    public void Etcd_forgets_history_and_has_an_odd_number_of_members()
    {
        Assert.Contains("--auto-compaction-mode=revision", Etcd.Args);
        Assert.Contains("--auto-compaction-retention=10000", Etcd.Args);
        Assert.Equal(3, Manifests.Etcd.Spec.Replicas);
        Assert.Equal("Retain", Manifests.Etcd.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted);
    }

    /// <summary>A member that is killed because it has no majority makes that worse.</summary>
    [Fact]
    public void Etcd_is_restarted_for_its_own_ill_health_and_not_for_that_of_others()
    {
        Assert.All([Etcd.LivenessProbe, Etcd.StartupProbe], probe => Assert.Equal(("/health?serializable=true", "client"), (probe.HttpGet.Path, probe.HttpGet.Port.Value)));
        Assert.Equal(("/health", "client"), (Etcd.ReadinessProbe.HttpGet.Path, Etcd.ReadinessProbe.HttpGet.Port.Value));
    }

    [Fact]
    public void Each_node_is_reached_by_a_name_that_lasts()
    {
        var advertise = Variable("BROKER_CLUSTER__ADVERTISE").Value;
        foreach (var pod in Manifests.PodsOf(Manifests.StatefulSet))
        {
            var settings = NodeSettings.From([new("BROKER_CLUSTER__ADVERTISE", advertise.Replace("$(BROKER_NAME)", pod, StringComparison.Ordinal)), new("BROKER_CLUSTER__ETCD", "http://a.example:1")]);
            var address = HostPort.Of(Assert.Single(settings.Cluster.AdvertisedAddresses))!;
            Assert.Equal(($"{pod}.{Manifests.StatefulSet.Spec.ServiceName}.{Domain}", new BrokerNodeOptions().Port), (address.Host, address.Port));
        }

        // Kubernetes replaces only what was defined before.
        Assert.Equal("BROKER_NAME", Manifests.NodeContainer.Env[0].Name);
    }

    [Fact]
    public void The_zone_is_the_machines()
    {
        Assert.Equal("metadata.labels['topology.kubernetes.io/zone']", Variable("BROKER_CLUSTER__ZONE").ValueFrom.FieldRef.FieldPath);
        Assert.Equal("", NodeSettings.From([new("BROKER_CLUSTER__ZONE", "")]).Cluster.Zone); // what an older Kubernetes makes of it
    }

    [Fact]
    public void What_is_not_one_nodes_own_is_the_same_for_all()
    {
        var own = Manifests.NodeContainer.Env.Select(variable => variable.Name);
        Assert.Equal(["BROKER_NAME", "BROKER_CLUSTER__ADVERTISE", "BROKER_CLUSTER__ZONE"], own);
        NodeSettings.From(Manifests.The<V1ConfigMap>("broker").Data.Where(setting => !own.Contains(setting.Key)));
        Assert.Empty(Manifests.The<V1ConfigMap>("broker").Data.Keys.Intersect(own));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void No_two_pods_of_a_kind_are_on_one_machine_and_zones_have_as_many_as_possible(string set)
    {
        var pod = Manifests.The<V1StatefulSet>(set).Spec.Template.Spec;
        Assert.Equal("kubernetes.io/hostname", Assert.Single(pod.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution).TopologyKey);
        var spread = Assert.Single(pod.TopologySpreadConstraints);
        Assert.Equal(("topology.kubernetes.io/zone", 1, "ScheduleAnyway"), (spread.TopologyKey, spread.MaxSkew, spread.WhenUnsatisfiable));
    }

    /// <summary>So many may be missing for what is confirmed to stay, and what the nodes agree in.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Machines_are_drained_one_by_one(string set)
    {
        var budget = Manifests.The<V1PodDisruptionBudget>(set).Spec;
        Assert.Equal(("1", "IfHealthyBudget"), (budget.MaxUnavailable.Value, budget.UnhealthyPodEvictionPolicy));
        Assert.True(_cluster.Placement.Replicas - 1 >= _cluster.Placement.MinInSync);
    }

    private static V1Container Etcd => Assert.Single(Manifests.Etcd.Spec.Template.Spec.Containers);

    private static V1EnvVar Variable(string name) => Assert.Single(Manifests.NodeContainer.Env, variable => variable.Name == name);
}
