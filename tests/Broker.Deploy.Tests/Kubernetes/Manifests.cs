using System.Text.RegularExpressions;
using Broker.Tidy.Tests;
using k8s;
using k8s.Models;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Broker.Deploy.Tests.Kubernetes;

/// <summary>The manifests of deploy/k8s, read against the types of Kubernetes' API: a field that it does not have fails.</summary>
internal static partial class Manifests
{
    public const string Folder = "deploy/k8s";
    private const string Kustomize = "kustomization.yaml";

    /// <summary>What the kustomization leaves to whoever wants it.</summary>
    public static IReadOnlyList<string> Optional { get; } = ["pbm.yaml", "service-external.yaml"];

    /// <summary>File names of all manifests.</summary>
    public static IReadOnlyList<string> Files { get; } =
    [
        .. Directory.EnumerateFiles(FullPath(""), "*.yaml").Select(path => Path.GetFileName(path)!).Where(name => name != Kustomize).Order(StringComparer.Ordinal),
    ];

    // Not in the type's initializer, whose failure would hide the reason from all but one test.
    public static IReadOnlyList<IKubernetesObject<V1ObjectMeta>> All => field ??= [.. Files.SelectMany(Read)];

    public static V1StatefulSet StatefulSet => The<V1StatefulSet>("broker");

    public static V1StatefulSet Etcd => The<V1StatefulSet>("broker-etcd");

    /// <summary>The names of a set's pods by themselves, in order.</summary>
    public static IReadOnlyList<string> PodsOf(V1StatefulSet set) => [.. Enumerable.Range(0, set.Spec.Replicas!.Value).Select(i => $"{set.Metadata.Name}-{i}")];

    public static V1PodSpec Node => StatefulSet.Spec.Template.Spec;

    public static V1Container NodeContainer => Assert.Single(Node.Containers);

    public static Kustomization Kustomization => new DeserializerBuilder()
        .WithNamingConvention(CamelCaseNamingConvention.Instance).WithDuplicateKeyChecking().Build().Deserialize<Kustomization>(Text(Kustomize));

    public static T The<T>(string name)
        where T : IKubernetesObject<V1ObjectMeta> => Assert.Single(All.OfType<T>(), thing => thing.Metadata.Name == name);

    public static IEnumerable<IKubernetesObject<V1ObjectMeta>> Read(string file) => Parse(Text(file));

    /// <exception cref="YamlException">A field that the type does not have, a value of the wrong type, or a key twice.</exception>
    public static IEnumerable<IKubernetesObject<V1ObjectMeta>> Parse(string yaml) =>
        KubernetesYaml.LoadAllFromString(yaml, strict: true).Cast<IKubernetesObject<V1ObjectMeta>>();

    /// <summary>Places where the API takes text alone and YAML would make a number, a truth value or nothing of what is written there.</summary>
    public static IReadOnlyList<string> NotText(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        return [.. stream.Documents.SelectMany(document => NotText(document.RootNode, inText: false))];
    }

    public static string Text(string file) => File.ReadAllText(FullPath(file));

    private static IEnumerable<string> NotText(YamlNode node, bool inText) => node switch
    {
        YamlMappingNode mapping => mapping.Children.SelectMany(pair => NotText(pair.Value, IsText(pair.Key.ToString(), pair.Value))
            .Concat(inText ? NotText(pair.Value, true) : [])),
        YamlSequenceNode sequence => sequence.Children.SelectMany(child => NotText(child, inText && child is YamlScalarNode)),
        YamlScalarNode { Style: ScalarStyle.Plain } scalar when inText && OtherType().IsMatch(scalar.Value!) => [$"{scalar.Start.Line}: {scalar.Value}"],
        _ => [],
    };

    private static bool IsText(string key, YamlNode value) => key switch
    {
        "data" or "labels" or "annotations" or "matchLabels" or "nodeSelector" or "args" or "command" => true,
        "selector" => value is YamlMappingNode selector && !selector.Children.ContainsKey("matchLabels"),
        "value" => true,
        _ => false,
    };

    private static string FullPath(string file) => Path.Combine(Repository.Root, Folder, file);

    [GeneratedRegex(@"^(|~|null|true|false|yes|no|on|off|[-+]?(0x[0-9a-f]+|[0-9][0-9_]*(\.[0-9]*)?(e[-+]?[0-9]+)?))$", RegexOptions.IgnoreCase)]
    private static partial Regex OtherType();
}

/// <summary>What kustomization.yaml may say here: kustomize's type is not one of Kubernetes' API.</summary>
internal sealed class Kustomization
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public List<string> Resources { get; set; } = [];

    public List<KustomizationImage> Images { get; set; } = [];
}

/// <summary>Another name or tag for an image.</summary>
internal sealed class KustomizationImage
{
    public string Name { get; set; } = "";

    public string? NewName { get; set; }

    public string? NewTag { get; set; }
}
