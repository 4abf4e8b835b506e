using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Golden;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Documents;

/// <summary>docs/storage.md says what the code does.</summary>
public sealed partial class StorageDocumentTests
{
    private static readonly string s_text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "storage.md"));

    [Fact]
    public void The_header_of_a_file_is_laid_out_as_in_its_table()
    {
        var header = new FileHeader { Format = FileHeader.CurrentFormat, Kind = FileKind.Segment, Store = GoldenStore.Store, BasePosition = 11, Entity = 12, Number = 13 };
        var bytes = new byte[FileHeader.Size];
        header.Write(bytes);
        CheckLayout("## 3. ", bytes, new()
        {
            ["magic"] = BitConverter.ToUInt64("BRKSTORE"u8),
            ["format"] = FileHeader.CurrentFormat,
            ["kind"] = (ulong)FileKind.Segment,
            ["store"] = BitConverter.ToUInt64(GoldenStore.Store.ToByteArray()),
            ["base position"] = 11,
            ["entity"] = 12,
            ["number"] = 13,
            ["checksum"] = Crc32C.Compute(bytes.AsSpan(0, 56)),
            ["reserved"] = 0,
        });
        Assert.Contains(Rows("## 3. "), row => row.Field == "format" && row.Meaning == $"{FileHeader.CurrentFormat}");
    }

    [Fact]
    public void The_header_of_a_record_is_laid_out_as_in_its_table()
    {
        var header = new RecordHeader
        {
            Kind = RecordKind.Deleted,
            Version = RecordHeader.CurrentVersion,
            Shard = 21,
            Position = 22,
            SyncedDistance = 23,
            Run = 24,
            Entity = 25,
            Index = 26,
            ShardIndex = 27,
            Epoch = 28,
            TimeMs = 29,
            FirstPosition = 30,
            MessageCount = 31,
            ControlBytes = 32,
            ControlChecksum = 33,
            BodyBytes = 34,
            CommittedDistance = 35,
        };
        var bytes = new byte[RecordHeader.Size];
        header.Write(bytes, StoreKey.Of(GoldenStore.Store));
        CheckLayout("## 4. ", bytes, new()
        {
            ["checksum"] = Crc32C.Compute([.. GoldenStore.Store.ToByteArray(), .. bytes[4..]]),
            ["control bytes"] = 32,
            ["control checksum"] = 33,
            ["body bytes"] = 34,
            ["position"] = 22,
            ["synced distance"] = 23,
            ["run"] = 24,
            ["entity"] = 25,
            ["index"] = 26,
            ["shard index"] = 27,
            ["first position"] = 30,
            ["time"] = 29,
            ["message count"] = 31,
            ["epoch"] = 28,
            ["kind"] = (ulong)RecordKind.Deleted,
            ["version"] = RecordHeader.CurrentVersion,
            ["shard"] = 21,
            ["committed distance"] = 35,
        });
        Assert.Contains(Rows("## 4. "), row => row.Field == "version" && row.Meaning == $"{RecordHeader.CurrentVersion}");
    }

    [Fact]
    public void An_entry_of_the_message_table_is_laid_out_as_in_its_table()
    {
        var bytes = new byte[MessageTableEntry.Size];
        new MessageTableEntry(41, 42, 43, 44).Write(bytes);
        CheckLayout("### 4.1 ", bytes, new() { ["position delta"] = 41, ["bytes"] = 42, ["checksum"] = 43, ["meta"] = 44 });
    }

    [Fact]
    public void An_entry_of_a_mark_is_laid_out_as_in_its_table()
    {
        var bytes = LogMark.Of(new TestClient(), 1, [new EntityTail(51, 52, 53)]).Operations.ToArray();
        CheckLayout("## 7. ", bytes, new() { ["entity"] = 51, ["index"] = 52, ["next position"] = 53 });
    }

    [Fact]
    public void The_kinds_of_records_are_the_same_in_both()
    {
        var found = Section("## 4. ").Select(line => NumberedRow().Match(line)).Where(match => match.Success).Select(match => $"{match.Groups[1].Value} {match.Groups[2].Value}");
        Assert.Equal(Enum.GetValues<RecordKind>().Select(kind => $"{(byte)kind} {kind}"), found);
    }

    [Fact]
    public void The_sections_of_operations_and_checkpoints_are_the_same_in_both()
    {
        var source = File.ReadAllText(Path.Combine(Repository.Root, "src", "Broker.Machines", "Ledgers", "LedgerCodec.cs"));
        var members = EnumMember().Matches(source[source.IndexOf("enum LedgerSection", StringComparison.Ordinal)..]).Select(match => $"{match.Groups[2].Value} {match.Groups[1].Value}");
        var rows = new[] { "## 5. ", "## 6. ", "### 18.1 " }.SelectMany(Section).Select(line => NumberedRow().Match(line)).Where(match => match.Success);
        var found = rows.Select(match => $"{match.Groups[1].Value} {match.Groups[2].Value}");
        Assert.Equal(members.Order(StringComparer.Ordinal), found.Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_example_is_in_a_golden_file()
    {
        var golden = string.Join(' ', GoldenStore.Names.SelectMany(GoldenFile.Read).Select(vector => (string)vector!["hex"]!));
        var examples = HexBlock().Matches(s_text).Select(match => Whitespace().Replace(match.Groups[1].Value, "")).ToArray();
        Assert.Equal(7, examples.Length);
        Assert.All(examples, example => Assert.Contains(example, golden, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_section_that_the_code_names_exists()
    {
        var titles = Heading().Matches(s_text).Select(match => match.Groups[1].Value).ToHashSet();
        var named = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Reference().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        Assert.Contains("Record", named);
        Assert.Subset(titles, named);
    }

    [Theory]
    [InlineData("32 MiB", "128 MiB", "16 files", "4 MiB")]
    public void The_log_has_the_defaults_that_it_says(string file, string log, string files, string group)
    {
        var options = new LogOptions();
        Assert.Equal((file, log, files, group), ($"{options.FileBytes >> 20} MiB", $"{options.MaxBytes >> 20} MiB", $"{options.MaxFiles} files", $"{options.MaxGroupBytes >> 20} MiB"));
        Assert.Contains($"Files are {file} long unless", s_text, StringComparison.Ordinal);
        Assert.Contains($"within {log} and {files}.", s_text, StringComparison.Ordinal);
        Assert.Contains($"appended, up to {group},", s_text, StringComparison.Ordinal);
    }

    /// <summary>Rows follow each other without a gap, fill the structure, and stand where the code writes the fields.</summary>
    private static void CheckLayout(string heading, byte[] bytes, Dictionary<string, ulong> fields)
    {
        var rows = Rows(heading);
        Assert.Equal(fields.Keys.Order(StringComparer.Ordinal), rows.Select(row => row.Field).Order(StringComparer.Ordinal));
        var offset = 0;
        foreach (var (at, length, field, _) in rows)
        {
            Assert.Equal(offset, at);
            var value = bytes.AsSpan(at, Math.Min(length, sizeof(ulong))).ToArray().Reverse().Aggregate(0UL, (sum, octet) => (sum << 8) | octet);
            Assert.Equal((field, fields[field]), (field, value));
            offset += length;
        }

        Assert.Equal(bytes.Length, offset);
    }

    private static List<(int Offset, int Length, string Field, string Meaning)> Rows(string heading) =>
    [
        .. from line in Section(heading)
           let match = LayoutRow().Match(line)
           where match.Success
           select (Number(match, 1), Number(match, 2), match.Groups[3].Value, match.Groups[4].Value),
    ];

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    // Up to the next heading, whatever its level.
    private static string[] Section(string heading)
    {
        var start = s_text.IndexOf("\n" + heading, StringComparison.Ordinal);
        Assert.True(start >= 0, $"no section '{heading}'");
        var end = s_text.IndexOf("\n##", start + 4, StringComparison.Ordinal);
        return s_text[start..end].Split('\n');
    }

    [GeneratedRegex(@"^\| (\d+) \| (\d+) \| [a-z0-9]* ?\| ([a-z ]+) \| (.*) \|$")]
    private static partial Regex LayoutRow();

    [GeneratedRegex(@"^\| (\d+) \| ([A-Z][a-z]+) \|")]
    private static partial Regex NumberedRow();

    [GeneratedRegex(@"^    ([A-Z]\w+) = (\d+),", RegexOptions.Multiline)]
    private static partial Regex EnumMember();

    [GeneratedRegex("```hex\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex HexBlock();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();

    [GeneratedRegex(@"^##+ [0-9.]+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"docs/storage\.md, ""([^""]+)""")]
    private static partial Regex Reference();
}
