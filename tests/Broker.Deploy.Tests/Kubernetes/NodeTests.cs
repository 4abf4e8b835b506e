using System.Net;
using Broker.Actors.Server;
using Broker.Deploy.Tests.Docker;
using Broker.Deploy.Tests.Settings;
using Broker.Node.Certificates;
using Broker.Node.Configuration;
using Broker.Node.Health;
using Broker.Storage.Log;
using k8s.Models;

namespace Broker.Deploy.Tests.Kubernetes;

/// <summary>The pod of the node against the node's code and its image.</summary>
public sealed class NodeTests
{
    private readonly V1PodSpec _pod = Manifests.Node;
    private readonly V1Container _container = Manifests.NodeContainer;
    private readonly V1ConfigMap _settings = Manifests.The<V1ConfigMap>("broker");
    private readonly Dockerfile _image = Dockerfile.Read("deploy/docker/Dockerfile");

    [Fact]
    public void The_node_accepts_its_settings_and_listens_where_its_ports_say()
    {
        var settings = NodeSettings.From(_settings.Data);
        Assert.Equal("broker", Assert.Single(_container.EnvFrom).ConfigMapRef.Name);
        Assert.Equal((settings.Node.Port, "UDP"), Port("quic"));
        Assert.Equal((settings.Health.Port!.Value, "TCP"), Port("health"));
        Assert.Equal((new BrokerNodeOptions().Port, NodeSettings.DefaultHealthPort), (settings.Node.Port, settings.Health.Port!.Value));
        Assert.Equal(IPAddress.Any, IPAddress.Parse(settings.Health.Address));
    }

    [Fact]
    public void Its_name_outlives_the_pod()
    {
        var name = Variable("BROKER_NAME");
        Assert.Equal("metadata.name", name.ValueFrom.FieldRef.FieldPath);
        Assert.All(Manifests.PodsOf(Manifests.StatefulSet), pod => NodeSettings.From([new(name.Name, pod)]));
        Assert.Equal("broker-nodes", Manifests.StatefulSet.Spec.ServiceName);
        Assert.Equal("None", Manifests.The<V1Service>("broker-nodes").Spec.ClusterIP);
    }

    /// <summary>Kubernetes makes BROKER_PORT=udp://... of a service named broker.</summary>
    [Fact]
    public void Names_of_services_do_not_become_settings()
    {
        Assert.False(_pod.EnableServiceLinks);
        Assert.False(Manifests.The<V1Pod>("pbm").Spec.EnableServiceLinks);
    }

    [Fact]
    public async Task Probes_ask_for_what_the_node_answers()
    {
        Assert.All([_container.StartupProbe, _container.LivenessProbe, _container.ReadinessProbe], probe => Assert.Equal("health", probe.HttpGet.Port.Value));
        string live = _container.LivenessProbe.HttpGet.Path, ready = _container.ReadinessProbe.HttpGet.Path;
        Assert.Equal(HttpStatusCode.OK, await NodeSettings.AskAsync(ready, NodeState.Ready));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await NodeSettings.AskAsync(ready, NodeState.Stopping));

        // Whoever is killed while it reads its log begins again, and never ends.
        Assert.Equal(live, _container.StartupProbe.HttpGet.Path);
        Assert.Equal(HttpStatusCode.OK, await NodeSettings.AskAsync(live, NodeState.Starting));
        Assert.Equal(HttpStatusCode.OK, await NodeSettings.AskAsync(live, NodeState.Stopping));
    }

    [Fact]
    public void The_node_has_the_time_that_its_stop_may_take()
    {
        var margin = TimeSpan.FromSeconds(_pod.TerminationGracePeriodSeconds!.Value) - NodeSettings.ShutdownTimeout;
        Assert.InRange(margin, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void The_user_is_that_of_the_image_and_owns_the_volume()
    {
        var ids = Assert.Single(_image.The("USER")).Split(':').Select(long.Parse).ToList();
        Assert.All([_pod, Manifests.The<V1Pod>("pbm").Spec], pod =>
        {
            var context = pod.SecurityContext;
            Assert.Equal((ids[0], ids[1], ids[1]), (context.RunAsUser, context.RunAsGroup, context.FsGroup));
        });
        Assert.Equal("OnRootMismatch", _pod.SecurityContext.FsGroupChangePolicy);
    }

    [Fact]
    public void What_must_last_is_on_the_volume()
    {
        var data = NodeSettings.From(_settings.Data).Node.Data;
        var claim = Assert.Single(Manifests.StatefulSet.Spec.VolumeClaimTemplates);
        Assert.Equal(claim.Metadata.Name, MountAt(data).Name);
        Assert.Equal(data, Assert.Single(_image.The("VOLUME")));
        Assert.Equal("Retain", Manifests.StatefulSet.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted);
        Assert.Equal("Retain", Manifests.StatefulSet.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled);
    }

    [Fact]
    public void The_volume_has_room_for_messages_beside_the_log_and_what_stays_free()
    {
        var room = Assert.Single(Manifests.StatefulSet.Spec.VolumeClaimTemplates).Spec.Resources.Requests["storage"].ToDecimal();
        var storage = NodeSettings.From(_settings.Data).Storage;
        Assert.True(room >= 4 * (storage.MinFreeBytes + (storage.MaxLogBytes ?? new LogOptions().MaxBytes)), $"{room} bytes are too few");
    }

    [Fact]
    public void Each_nodes_certificate_is_where_it_reads_it_and_no_other_nodes_is()
    {
        var mount = MountAt(NodeSettings.From(_settings.Data).Node.CertificateFolder);
        Assert.True(mount.ReadOnlyProperty);
        Assert.Equal("$(BROKER_NAME)", mount.SubPathExpr);
        var projected = _pod.Volumes.Single(volume => volume.Name == mount.Name).Projected;
        Assert.Equal(Convert.ToInt32("440", 8), projected.DefaultMode);
        var pods = Manifests.PodsOf(Manifests.StatefulSet);
        Assert.Equal(pods.Select(pod => $"{pod}-certs"), projected.Sources.Select(source => source.Secret.Name));
        Assert.All(pods.Zip(projected.Sources), one =>
        {
            var file = DevelopmentCertificates.FileNameOf(one.First);
            Assert.Equal(
                [("ca.crt", $"{one.First}/ca.pem"), ("tls.crt", $"{one.First}/{file}.pem"), ("tls.key", $"{one.First}/{file}.key")],
                one.Second.Secret.Items.Select(item => (item.Key, item.Path)));
        });
    }

    [Fact]
    public void Those_of_an_operator_are_where_pbm_reads_them()
    {
        var pod = Manifests.The<V1Pod>("pbm").Spec;
        var pbm = Assert.Single(pod.Containers);
        var environment = pbm.Env.ToDictionary(variable => variable.Name, variable => variable.Value);
        Assert.Equal("broker", Manifests.The<V1Service>(environment["BROKER_HOST"]).Metadata.Name);
        Assert.Equal(_settings.Data["BROKER_PORT"], environment["BROKER_PORT"]);
        var mount = pbm.VolumeMounts.Single(mount => mount.MountPath == environment["BROKER_CERTS"]);
        var secret = pod.Volumes.Single(volume => volume.Name == mount.Name).Secret;
        Assert.Equal(["admin.key", "admin.pem", "ca.pem"], secret.Items.Select(item => item.Path).Order(StringComparer.Ordinal));
        AssertSecret(secret);
    }

    /// <summary>With a limit on the container, and only then, the node's own default is a share of it.</summary>
    [Fact]
    public void The_memory_of_messages_follows_the_containers_limit()
    {
        var (limit, request) = (_container.Resources.Limits["memory"].ToDecimal(), _container.Resources.Requests["memory"].ToDecimal());
        Assert.Equal(limit, request);
        Assert.DoesNotContain("BROKER_LIMITS__MAXMEMORYBYTES", _settings.Data.Keys);
        // .NET takes three quarters of the limit for all that the process may use, and the node 40 % of that for messages.
        Assert.True(limit * 0.75m * 0.4m >= 2 * new BrokerLimits().Queue.MaxBytes, $"{limit} bytes let one queue take the memory of all");
        Assert.DoesNotContain("cpu", _container.Resources.Limits.Keys);
    }

    [Fact]
    public void Every_volume_is_mounted_and_every_mount_has_its_volume() => Assert.Equal(
        _pod.Volumes.Select(volume => volume.Name).Concat(Manifests.StatefulSet.Spec.VolumeClaimTemplates.Select(claim => claim.Metadata.Name)).Order(StringComparer.Ordinal),
        _container.VolumeMounts.Select(mount => mount.Name).Order(StringComparer.Ordinal));

    private V1EnvVar Variable(string name) => Assert.Single(_container.Env, variable => variable.Name == name);

    private V1VolumeMount MountAt(string path) => Assert.Single(_container.VolumeMounts, mount => mount.MountPath == path);

    private (int Number, string Protocol) Port(string name)
    {
        var port = Assert.Single(_container.Ports, port => port.Name == name);
        return (port.ContainerPort, port.Protocol);
    }

    // The keys of the type kubernetes.io/tls; for the owner and the group, who is the node.
    private static void AssertSecret(V1SecretVolumeSource secret)
    {
        Assert.Equal(["ca.crt", "tls.crt", "tls.key"], secret.Items.Select(item => item.Key).Order(StringComparer.Ordinal));
        Assert.Equal(Convert.ToInt32("440", 8), secret.DefaultMode);
    }
}
