using System.Text.RegularExpressions;

namespace Broker.Tidy.Tests;

public sealed partial class WordingTests
{
    /// <summary>Hosts that a text may link to. Packages come from wherever the machine is configured to take them.</summary>
    private static readonly string[] s_hosts =
    [
        "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "example.com", "example.org", "example.net", "www.rfc-editor.org", "datatracker.ietf.org", "quicwg.org",
        "learn.microsoft.com", "github.com", "keepachangelog.com", "semver.org", "opensource.org", "www.rabbitmq.com", "schemas.microsoft.com", "json-schema.org",
    ];

    [Fact]
    public void No_work_is_left_in_comments() => Tidy.Nothing(
        "Do it, or open an issue; a comment is where work is forgotten.",
        Tidy.Lines(Written(".cs", ".sh", ".mjs", ".csproj", ".props", ".md"), line => LeftWork().IsMatch(line)));

    [Fact]
    public void Folders_and_files_are_named_after_concepts() => Tidy.Nothing(
        "Name it after what it holds: these names hold anything.",
        from file in Repository.FilesLike(".cs")
        where file.Path.Split('/').Any(part => VagueName().IsMatch(Path.GetFileNameWithoutExtension(part)))
        select file.Path);

    [Fact]
    public void Nothing_names_a_workplace() => Tidy.Nothing(
        "Use a path relative to the repository, or a folder that the caller names.",
        Tidy.Lines(Written(), line => WorkplacePath().IsMatch(line)));

    [Fact]
    public void Links_lead_to_documents_and_not_to_registries() => Tidy.Nothing(
        "Package sources are the machine's configuration. For a document, add its host to this test.",
        from file in Written()
        from link in Link().Matches(file.Text)
        let host = link.Groups["host"].Value
        where !s_hosts.Contains(host) && !host.EndsWith(".example", StringComparison.Ordinal) && !host.Contains('{', StringComparison.Ordinal)
        where !host.EndsWith(".broker.svc", StringComparison.Ordinal) && !host.StartsWith("$(", StringComparison.Ordinal) // of the deployment's own namespace
        select $"{file.Path}: {link.Value}");

    [Fact]
    public void A_document_has_one_title_and_it_comes_first() => Tidy.Nothing(
        "Give the document exactly one '# Title', as its first line.",
        from file in Repository.FilesLike(".md")
        let titles = Prose(file).Count(line => line.StartsWith("# ", StringComparison.Ordinal))
        where titles != 1 || !file.Lines[0].StartsWith("# ", StringComparison.Ordinal)
        select $"{file.Path}: {titles} titles");

    [Fact]
    public void Links_between_documents_lead_somewhere() => Tidy.Nothing(
        "Correct the path, or write the document.",
        from file in Repository.FilesLike(".md")
        from line in Prose(file)
        from link in RelativeLink().Matches(line)
        let target = link.Groups["path"].Value
        where !target.Contains("://", StringComparison.Ordinal) && !Repository.Has(Path.Combine(file.Folder, target))
        select $"{file.Path}: {target}");

    [Fact]
    public void The_README_starts_as_the_node_says() => Tidy.Nothing(
        "Make README.md and scripts/next-steps.txt say the same: both are what a newcomer types.",
        from line in File.ReadAllLines(Path.Combine(Repository.Root, "scripts/next-steps.txt"))
        where line.StartsWith("  ", StringComparison.Ordinal)
        where !Repository.Files.Single(file => file.Path == "README.md").Text.Contains(line.Trim(), StringComparison.Ordinal)
        select line.Trim());

    // This project spells out what it forbids.
    private static IEnumerable<SourceFile> Written(params string[] endings) => Repository.Files.Where(file =>
        !file.Path.StartsWith("tests/Broker.Tidy.Tests/", StringComparison.Ordinal)
        && (endings.Length == 0 || endings.Any(ending => file.Path.EndsWith(ending, StringComparison.Ordinal))));

    private static IEnumerable<string> Prose(SourceFile file)
    {
        var inCode = false;
        foreach (var line in file.Lines)
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                inCode = !inCode;
            }
            else if (!inCode)
            {
                yield return line;
            }
        }
    }

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b")]
    private static partial Regex LeftWork();

    [GeneratedRegex("^(Helpers?|Utils?|Utilit(y|ies)|Common|Managers?|Misc)$|(Helpers?|Utils?|Manager)$")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"(?<![\w.}/])/(work|home|root|Users|mnt)/")]
    private static partial Regex WorkplacePath();

    [GeneratedRegex(@"\bhttps?://(?<host>\[[0-9a-f:]+\]|[^/:\s""'<>)`\]]+)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\]\((?<path>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex RelativeLink();
}
