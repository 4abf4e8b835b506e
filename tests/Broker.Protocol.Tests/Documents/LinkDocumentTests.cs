using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Protocol.Links;
using Broker.Protocol.Tests.Codecs;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Documents;

/// <summary>The section "Node links" of docs/cluster.md says what the code does.</summary>
public sealed partial class LinkDocumentTests
{
    private static readonly string s_text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "cluster.md"));

    [Fact]
    public void The_frame_table_is_the_same_in_both()
    {
        var expected = FrameCodecs.All.Where(static codec => codec.IsOfLinks).Select(static codec => ((ulong)codec.Type!.Value, codec.Name))
            .Append(((ulong)LinkFrameType.Error, "ERROR"));
        var found = FrameRow().Matches(s_text).Select(static match => (ulong.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture), match.Groups[2].Value));
        Assert.Equal(expected.Order(), found);
        Assert.Equal((ulong)FrameType.Error, (ulong)LinkFrameType.Error);
    }

    [Fact]
    public void Every_example_is_a_golden_vector()
    {
        var vectors = LinkSamples.All.Select(static sample => Convert.ToHexStringLower(sample.Bytes)).ToHashSet();
        var examples = HexBlock().Matches(s_text).Select(static match => Whitespace().Replace(match.Groups[1].Value, "")).ToArray();
        Assert.NotEmpty(examples);
        Assert.All(examples, example => Assert.Contains(example, vectors));
    }

    [GeneratedRegex(@"^\| 0x([0-9a-f]{2}) \| ([A-Z_]+) \|", RegexOptions.Multiline)]
    private static partial Regex FrameRow();

    [GeneratedRegex("```hex\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex HexBlock();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();
}
