using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Protocol.Links;

namespace Broker.Protocol.Tests.Vectors;

/// <summary>The files under <c>tests/vectors</c>; see the README there.</summary>
internal static class VectorFile
{
    private static readonly JsonSerializerOptions s_format = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "vectors");

    public static IReadOnlyList<string> Names { get; } = [.. Samples.All.Select(static sample => sample.File).Distinct()];

    public static JsonArray Read(string name)
    {
        var file = JsonNode.Parse(File.ReadAllText(PathOf(name)))!;
        Assert.Equal(ProtocolInfo.Version, (ulong)file["version"]!);
        return file["vectors"]!.AsArray();
    }

    public static void Write(string name, JsonArray vectors)
    {
        var protocol = name switch { "bbq" => "bbq", "links/frames" => LinkInfo.Alpn, _ => ProtocolInfo.Alpn };
        var file = new JsonObject { ["protocol"] = protocol, ["version"] = ProtocolInfo.Version, ["vectors"] = vectors };
        File.WriteAllText(PathOf(name), file.ToJsonString(s_format) + "\n");
    }

    private static string PathOf(string name) => Path.Combine(Folder, name + ".json");
}
