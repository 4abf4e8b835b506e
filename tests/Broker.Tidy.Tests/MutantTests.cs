using System.Diagnostics;

namespace Broker.Tidy.Tests;

/// <summary>
/// The rules of replication that <c>./test.sh mutants</c> breaks one at a time, to see whether anything notices. It takes too long for every run, so what is looked at here is that it still can.
/// </summary>
public sealed class MutantTests
{
    private const string Folder = "tests/mutants";

    public static TheoryData<string> Mutants =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, Folder), "*.patch").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Mutants))]
    public async Task A_mutant_can_be_made_of_the_code_as_it_is(string mutant)
    {
        var start = new ProcessStartInfo("git", ["apply", "--check", $"{Folder}/{mutant}.patch"]) { WorkingDirectory = Repository.Root, RedirectStandardError = true };
        using var git = Process.Start(start)!;
        var error = await git.StandardError.ReadToEndAsync();
        await git.WaitForExitAsync();
        Assert.True(git.ExitCode == 0, $"The code has changed: let {Folder}/{mutant}.patch break the same rule in it as it is now.\n{error}");
    }

    [Theory]
    [MemberData(nameof(Mutants))]
    public void The_rule_that_a_mutant_breaks_is_in_the_documentation(string mutant)
    {
        var rule = File.ReadLines(Path.Combine(Repository.Root, Folder, $"{mutant}.patch")).First();
        Assert.StartsWith("Rule: ", rule, StringComparison.Ordinal);
        Assert.EndsWith(".", rule, StringComparison.Ordinal);
        var row = $"| {rule["Rule: ".Length..^1]} | `{mutant}` |";
        Assert.Contains(row, Repository.Files.Single(file => file.Path == "docs/cluster.md").Text, StringComparison.Ordinal);
    }
}
