using System.ComponentModel;
using System.Diagnostics;
using System.Xml.Linq;
using Broker.Tidy.Tests;
using k8s.Models;
using YamlDotNet.Core;

namespace Broker.Deploy.Tests.Kubernetes;

public sealed class ManifestTests
{
    private const string App = "app.kubernetes.io/";
    private const string EtcdVersion = "v3.5.21"; // 3.4 or 3.5, says docs/cluster.md, and of 3.5 at least 16

    public static TheoryData<string> Files => [.. Manifests.Files];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_manifest_is_what_the_API_takes(string file)
    {
        Assert.NotEmpty(Manifests.Read(file));
        Assert.Empty(Manifests.NotText(Manifests.Text(file)));
    }

    [Theory]
    [InlineData("spec: { containers: [{ name: a, imagee: b }] }", "imagee")]
    [InlineData("spec: { containers: [], containers: [] }", "duplicate")]
    [InlineData("spec: { hostNetwork: 7 }", "")]
    [InlineData("specc: {}", "specc")]
    public void A_field_that_the_API_does_not_have_is_found(string wrong, string named)
    {
        var refusal = Assert.Throws<YamlException>(() => Manifests.Parse($"apiVersion: v1\nkind: Pod\nmetadata: {{ name: a }}\n{wrong}\n").ToList());
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: { BROKER_PORT: 7400 }")]
    [InlineData("metadata: { labels: { app.kubernetes.io/version: 1.0 } }")]
    [InlineData("spec: { selector: { a: yes } }")]
    [InlineData("spec: { template: { spec: { containers: [{ env: [{ name: A, value: 7400 }] }] } } }")]
    [InlineData("spec: { containers: [{ command: [sleep, 10] }] }")]
    public void A_number_where_the_API_wants_text_is_found(string wrong) => Assert.Single(Manifests.NotText(wrong));

    [Fact]
    public void The_kustomization_has_all_but_what_is_optional()
    {
        var kustomization = Manifests.Kustomization;
        Assert.Equal(("kustomize.config.k8s.io/v1beta1", "Kustomization"), (kustomization.ApiVersion, kustomization.Kind));
        Assert.Equal(Manifests.Files, kustomization.Resources.Concat(Manifests.Optional).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Kustomize_makes_of_it_what_the_API_takes()
    {
        using var kubectl = Start("kubectl", "kustomize", Path.Combine(Repository.Root, Manifests.Folder));
        var output = await kubectl.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await kubectl.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kubectl.ExitCode);
        Assert.Equal(Manifests.Kustomization.Resources.Count, Manifests.Parse(output).Count());
    }

    [Fact]
    public void Everything_bears_the_recommended_labels() => Assert.All(Manifests.All.Where(thing => thing is not V1Namespace), thing =>
    {
        var labels = thing.Metadata.Labels;
        Assert.Equal(["component", "instance", "name", "part-of", "version"], labels.Keys.Select(key => key[App.Length..]).Order(StringComparer.Ordinal));
        Assert.Equal("broker", thing.Metadata.NamespaceProperty);
    });

    [Fact]
    public void The_version_is_the_products()
    {
        var version = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props")).Descendants("Version").Single().Value;
        Assert.All(Manifests.All.Where(thing => thing is not V1Namespace), thing => Assert.Equal(version, thing.Metadata.Labels[App + "version"]));
        Assert.All(Containers, container => Assert.Equal($"broker:{version}", container.Image));
        Assert.Equal([("broker", version), ("etcd", EtcdVersion)], Manifests.Kustomization.Images.Select(image => (image.Name, image.NewTag)));
        Assert.Equal($"etcd:{EtcdVersion}", Etcd.Image);
    }

    [Fact]
    public void Selectors_select_nodes_or_members_of_etcd_and_nobody_else()
    {
        var kinds = new[] { Manifests.StatefulSet, Manifests.Etcd }.ToDictionary(set => set.Metadata.Name, set => set.Spec.Template.Metadata.Labels);
        var pbm = Manifests.The<V1Pod>("pbm").Metadata.Labels;
        IEnumerable<(string Of, IDictionary<string, string> Selector)> selectors =
        [
            .. Manifests.All.OfType<V1StatefulSet>().Select(set => (set.Metadata.Name, set.Spec.Selector.MatchLabels)),
            .. Manifests.All.OfType<V1PodDisruptionBudget>().Select(budget => (budget.Metadata.Name, budget.Spec.Selector.MatchLabels)),
            .. Manifests.All.OfType<V1NetworkPolicy>().Select(policy => (policy.Metadata.Name, policy.Spec.PodSelector.MatchLabels)),
            .. Manifests.All.OfType<V1Service>().Select(service => (service.Metadata.Name, service.Spec.Selector)),
            .. Manifests.All.OfType<V1StatefulSet>().SelectMany(set => Spreads(set.Spec.Template.Spec).Select(selector => (set.Metadata.Name, selector.MatchLabels))),
        ];
        Assert.All(selectors, one =>
        {
            var (own, other) = one.Of.StartsWith("broker-etcd", StringComparison.Ordinal) ? (kinds["broker-etcd"], kinds["broker"]) : (kinds["broker"], kinds["broker-etcd"]);
            Assert.Subset(own.ToHashSet(), one.Selector.ToHashSet());
            Assert.All([pbm, other], labels => Assert.NotEqual(one.Selector.Count, one.Selector.Intersect(labels).Count()));
            Assert.DoesNotContain(App + "version", one.Selector.Keys); // or a new version would be somebody else
        });
    }

    /// <summary>The standard that the namespace enforces; a pod that breaks it is never made, and only its StatefulSet says why.</summary>
    [Fact]
    public void Pods_keep_to_the_restricted_standard()
    {
        Assert.Equal("restricted", Manifests.The<V1Namespace>("broker").Metadata.Labels["pod-security.kubernetes.io/enforce"]);
        Assert.All([Manifests.Node, Manifests.Etcd.Spec.Template.Spec, Manifests.The<V1Pod>("pbm").Spec], pod =>
        {
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.False(pod.AutomountServiceAccountToken);
        });
        Assert.All([.. Containers, Etcd], container =>
        {
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        });
    }

    private static IEnumerable<V1Container> Containers => [Manifests.NodeContainer, Assert.Single(Manifests.The<V1Pod>("pbm").Spec.Containers)];

    private static V1Container Etcd => Assert.Single(Manifests.Etcd.Spec.Template.Spec.Containers);

    private static IEnumerable<V1LabelSelector> Spreads(V1PodSpec pod) =>
        pod.TopologySpreadConstraints.Select(c => c.LabelSelector).Concat(pod.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution.Select(t => t.LabelSelector));

    private static Process Start(string program, params string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        }
        catch (Win32Exception)
        {
            Assert.Skip($"{program} is not installed");
            throw;
        }
    }
}
