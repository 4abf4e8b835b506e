using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Storage.Records;

namespace Broker.Storage.Tests.Golden;

/// <summary>One piece of a golden file.</summary>
/// <param name="Name">What is special about it.</param>
/// <param name="Structure">What it is, as <c>tests/vectors/storage/README.md</c> lists them.</param>
/// <param name="Bytes">Its bytes by this version.</param>
internal sealed record GoldenPiece(string Name, string Structure, byte[] Bytes);

/// <summary>The files under <c>tests/vectors/storage</c>; see the README there.</summary>
internal static class GoldenFile
{
    private static readonly JsonSerializerOptions s_format = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The pieces of a file, in order.</summary>
    public static JsonArray Read(string name)
    {
        var file = JsonNode.Parse(File.ReadAllText(PathOf(name)))!;
        Assert.Equal(FileHeader.CurrentFormat, (uint)file["format"]!);
        return file["vectors"]!.AsArray();
    }

    public static void Write(string name, IEnumerable<GoldenPiece> pieces)
    {
        var vectors = pieces.Select(piece => (JsonNode)new JsonObject
        {
            ["name"] = piece.Name,
            ["structure"] = piece.Structure,
            ["hex"] = Convert.ToHexStringLower(piece.Bytes),
            ["fields"] = GoldenFields.Of(piece.Structure, piece.Bytes),
        });
        var file = new JsonObject { ["store"] = "broker", ["format"] = FileHeader.CurrentFormat, ["vectors"] = new JsonArray([.. vectors]) };
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), file.ToJsonString(s_format) + "\n");
    }

    private static string PathOf(string name) => Path.Combine(Repository.Root, "tests", "vectors", "storage", name + ".json");
}
