using System.Text.RegularExpressions;

namespace Broker.Tidy.Tests;

/// <summary>What a document says is tested must be.</summary>
public sealed partial class DocumentedTestsTests
{
    [Fact]
    public void A_test_that_a_document_names_is_there()
    {
        var tests = Repository.FilesLike(".cs").Where(file => file.Path.StartsWith("tests/", StringComparison.Ordinal));
        var known = tests.SelectMany(file => Declared().Matches(file.Text)).Select(test => test.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);
        Tidy.Nothing(
            "The test was renamed or is gone: correct the document, or write the test.",
            from file in Repository.FilesLike(".md")
            from name in Named().Matches(file.Text)
            where !known.Contains(name.Groups["name"].Value)
            select $"{file.Path}: {name.Value}");
    }

    [Fact]
    public void The_checklist_of_the_cluster_names_many() =>
        Assert.True(Named().Count(Repository.Files.Single(file => file.Path == "docs/cluster.md").Text) > 50, "docs/cluster.md names no tests any more, or they are not found");

    // Tests are sentences: a capital, then words with underscores between them.
    [GeneratedRegex(@"`(\w+\.)?(?<name>[A-Z][a-z]*(_[A-Za-z0-9]+){2,})`")]
    private static partial Regex Named();

    [GeneratedRegex(@"\b(void|Task) (?<name>[A-Z]\w*)\(")]
    private static partial Regex Declared();
}
