namespace Broker.Tidy.Tests;

public sealed class SizeTests
{
    private const int MaxFileLines = 400;
    private const int MaxLineLength = 200;

    [Fact]
    public void A_source_file_fits_in_the_head() => Tidy.Nothing(
        $"Split the file: a concept a file, partial by verb, parent and parts. At most {MaxFileLines} lines.",
        from file in Repository.FilesLike(".cs", ".sh", ".mjs")
        where file.Lines.Length > MaxFileLines
        select $"{file.Path}: {file.Lines.Length} lines");

    [Fact]
    public void A_line_of_code_fits_on_a_screen() => Tidy.Nothing(
        $"Break the line. At most {MaxLineLength} characters.",
        Tidy.Lines(Repository.FilesLike(".cs", ".sh", ".mjs"), line => line.Length > MaxLineLength));

    [Theory]
    [InlineData("README.md", 120)]
    [InlineData("ARCHITECTURE.md", 250)]
    public void A_document_that_everybody_reads_is_short(string path, int maxLines) => Tidy.Nothing(
        $"Move detail to docs/ and link it. At most {maxLines} lines.",
        from file in Repository.FilesLike(".md")
        where file.Path == path && file.Lines.Length > maxLines
        select $"{file.Path}: {file.Lines.Length} lines");
}
