namespace Broker.Tidy.Tests;

/// <summary>Fails with every place at once and the sentence that says what to do.</summary>
internal static class Tidy
{
    public static void Nothing(string fix, IEnumerable<string> places)
    {
        var found = places.ToList();
        Assert.True(found.Count == 0, $"{fix}\n  {string.Join("\n  ", found)}");
    }

    /// <summary>Lines that match, as <c>path:line: text</c>.</summary>
    public static IEnumerable<string> Lines(IEnumerable<SourceFile> files, Func<string, bool> isWrong) =>
        from file in files
        from line in file.Lines.Select((text, index) => (Text: text, Number: index + 1))
        where isWrong(line.Text)
        select $"{file.Path}:{line.Number}: {line.Text.Trim()}";
}
