using System.Buffers;
using System.Text.Json.Nodes;
using Broker.Protocol.Links;
using Broker.Protocol.Tests.Codecs;

namespace Broker.Protocol.Tests.Vectors;

/// <summary>The bytes of this version never change: see <c>tests/vectors/README.md</c> for when and how they are written anew.</summary>
public sealed class GoldenVectorTests
{
    public static TheoryData<string> Files => [.. VectorFile.Names];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_vector_decodes_to_its_fields_and_encodes_to_its_bytes(string file)
    {
        WriteIfAsked();
        foreach (var vector in VectorFile.Read(file))
        {
            var name = $"{vector!["frame"]} {vector["name"]}";
            var bytes = Convert.FromHexString((string)vector["hex"]!);
            var codec = FrameCodecs.Named((string)vector["frame"]!);
            var fields = new JsonObject();
            var again = new ArrayBufferWriter<byte>();

            Assert.True(codec.Decode(codec.PayloadOf(bytes), fields, again, out var fault), $"{name}: {fault.Reason}");
            Assert.Equal(vector["fields"]!.ToJsonString(), fields.ToJsonString());
            Assert.Equal(Convert.ToHexStringLower(bytes), Convert.ToHexStringLower(again.WrittenSpan));
        }
    }

    [Fact]
    public void The_files_hold_exactly_the_samples()
    {
        WriteIfAsked();
        var onDisk = VectorFile.Names.SelectMany(
            file => VectorFile.Read(file).Select(vector => $"{file}: {vector!["frame"]} {vector["name"]} {vector["hex"]}"));
        var expected = Samples.All.Select(sample => $"{sample.File}: {sample.Codec} {sample.Name} {Convert.ToHexStringLower(sample.Bytes)}");
        Assert.Equal(expected.Order(StringComparer.Ordinal), onDisk.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_frame_type_has_a_decoder_and_a_vector()
    {
        var decoders = FrameCodecs.All.Where(static codec => codec.Type is not null).ToLookup(static codec => codec.IsOfLinks, static codec => codec.Type!.Value);
        Assert.Equal(Enum.GetValues<FrameType>().Order(), decoders[false].Order());
        var links = Enum.GetValues<LinkFrameType>().Where(static type => type != LinkFrameType.Error).Select(static type => (FrameType)type);
        Assert.Equal(links.Order(), decoders[true].Order());
        Assert.Equal(
            FrameCodecs.All.Select(static codec => codec.Name).Order(StringComparer.Ordinal),
            Samples.All.Select(static sample => sample.Codec).Distinct().Order(StringComparer.Ordinal));
    }

    private static void WriteIfAsked()
    {
        if (Environment.GetEnvironmentVariable("BROKER_WRITE_VECTORS") != "1")
        {
            return;
        }

        foreach (var file in VectorFile.Names)
        {
            VectorFile.Write(file, new JsonArray([.. Samples.All.Where(sample => sample.File == file).Select(ToJson)]));
        }
    }

    private static JsonObject ToJson(Sample sample)
    {
        var codec = FrameCodecs.Named(sample.Codec);
        var fields = new JsonObject();
        Assert.True(codec.Decode(codec.PayloadOf(sample.Bytes), fields, null, out var fault), $"{sample.Codec} {sample.Name}: {fault.Reason}");
        return new JsonObject { ["name"] = sample.Name, ["frame"] = sample.Codec, ["hex"] = Convert.ToHexStringLower(sample.Bytes), ["fields"] = fields };
    }
}
