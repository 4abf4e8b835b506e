using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Protocol.Tests.Codecs;
using Broker.Protocol.Tests.Vectors;

namespace Broker.Protocol.Tests.Documents;

/// <summary>docs/protocol.md says what the code does.</summary>
public sealed partial class ProtocolDocumentTests
{
    private static readonly string s_text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "protocol.md"));

    [Fact]
    public void The_error_table_is_the_same_in_both()
    {
        var expected = ErrorTable.All.Select(static entry =>
            $"| {(long)entry.Code} | {entry.Name} | {entry.Meaning} | {Ends(entry.Scope)} | {(entry.Retryable ? "yes" : "no")} |");
        Assert.Equal(expected, Section("## 12. ").Where(static line => ErrorRow().IsMatch(line)));
        Assert.Equal(Enum.GetValues<ErrorCode>(), ErrorTable.All.Select(static entry => entry.Code));
    }

    [Fact]
    public void The_frame_table_is_the_same_in_both()
    {
        var expected = FrameCodecs.All.Where(static codec => codec.Type is not null && !codec.IsOfLinks).Select(static codec => ((ulong)codec.Type!.Value, codec.Name)).Order();
        var found = Section("## 4. ").Select(static line => FrameRow().Match(line)).Where(static match => match.Success)
            .Select(static match => (ulong.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture), match.Groups[2].Value));
        Assert.Equal(expected, found);
    }

    [Fact]
    public void The_stream_kinds_are_the_same_in_both()
    {
        var found = Section("## 3. ").Select(static line => KindRow().Match(line)).Where(static match => match.Success)
            .Select(static match => $"{match.Groups[1].Value} {match.Groups[2].Value}");
        Assert.Equal(Enum.GetValues<StreamKind>().Select(static kind => $"{(ulong)kind} {kind}".ToLowerInvariant()), found);
    }

    [Fact]
    public void Every_example_is_a_golden_vector()
    {
        var vectors = Samples.All.Select(static sample => Convert.ToHexStringLower(sample.Bytes)).ToHashSet();
        var examples = HexBlock().Matches(s_text).Select(static match => Whitespace().Replace(match.Groups[1].Value, "")).ToArray();
        Assert.NotEmpty(examples);
        Assert.All(examples, example => Assert.Contains(example, vectors));
    }

    [Fact]
    public void Every_section_that_the_code_names_exists()
    {
        var sections = Heading().Matches(s_text).Select(static match => match.Groups[1].Value).ToHashSet();
        var sources = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Broker.Protocol"), "*.cs", SearchOption.AllDirectories);
        var named = sources.SelectMany(static file => Reference().Matches(File.ReadAllText(file)).Select(static match => match.Groups[1].Value)).ToArray();
        Assert.NotEmpty(named);
        Assert.All(named, section => Assert.Contains(section, sections));
    }

    private static string Ends(ErrorScope scope) => scope == ErrorScope.None ? "nothing" : $"{scope}".ToLowerInvariant();

    private static string[] Section(string heading)
    {
        var start = s_text.IndexOf("\n" + heading, StringComparison.Ordinal);
        Assert.True(start >= 0, $"no section '{heading}'");
        var end = s_text.IndexOf("\n## ", start + 4, StringComparison.Ordinal);
        return s_text[start..end].Split('\n');
    }

    [GeneratedRegex(@"^\| \d+ \| [A-Z_]+ \|")]
    private static partial Regex ErrorRow();

    [GeneratedRegex(@"^\| 0x([0-9a-f]{2}) \| ([A-Z_]+) \|")]
    private static partial Regex FrameRow();

    [GeneratedRegex(@"^\| (\d) \| ([a-z]+) \|")]
    private static partial Regex KindRow();

    [GeneratedRegex("```hex\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex HexBlock();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();

    [GeneratedRegex(@"^##+ ([0-9.]*[0-9])", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"docs/protocol\.md, section ([0-9.]*[0-9])")]
    private static partial Regex Reference();
}
