using System.Xml.Linq;

namespace Broker.Tidy.Tests;

public sealed class ProjectTests
{
    /// <summary>What each project may reference (ARCHITECTURE.md). Only the node knows both sides of the transport and the actors.</summary>
    private static readonly Dictionary<string, string[]> s_mayReference = new()
    {
        ["Broker.Protocol"] = [],
        ["Broker.Machines"] = ["Broker.Protocol"],
        ["Broker.Storage"] = [],
        ["Broker.Coordination"] = ["Broker.Storage"],
        ["Broker.Transport"] = [],
        ["Broker.Transport.MsQuic"] = ["Broker.Transport"],
        ["Broker.Transport.Ngtcp2"] = ["Broker.Transport"],
        ["Broker.Transport.Auto"] = ["Broker.Transport", "Broker.Transport.MsQuic", "Broker.Transport.Ngtcp2"],
        ["Broker.Actors"] = ["Broker.Protocol", "Broker.Machines", "Broker.Transport", "Broker.Storage", "Broker.Coordination"],
        ["Broker.Node"] =
            ["Broker.Protocol", "Broker.Machines", "Broker.Storage", "Broker.Coordination", "Broker.Transport", "Broker.Transport.Auto", "Broker.Actors"],
        ["Broker.Client"] = ["Broker.Protocol", "Broker.Transport", "Broker.Transport.Auto"],
        ["Broker.Client.Extensions"] = ["Broker.Client"],
        ["Broker.Pbm"] = ["Broker.Client"],
    };

    [Fact]
    public void References_follow_the_arrows() => Tidy.Nothing(
        "Put what both sides need into a project that both may reference, or change the arrows in ARCHITECTURE.md and here, with an ADR that says why.",
        from file in Sources
        let project = Path.GetFileNameWithoutExtension(file.Name)
        from reference in References(file)
        where !s_mayReference.GetValueOrDefault(project, []).Contains(reference)
        select $"{project} -> {reference}");

    [Fact]
    public void Every_project_has_its_arrows() => Tidy.Nothing(
        "Say in ARCHITECTURE.md and in this test what the new project may reference.",
        Sources.Select(file => Path.GetFileNameWithoutExtension(file.Name)).Where(project => !s_mayReference.ContainsKey(project)));

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "Broker.sln")).Replace('\\', '/');
        Tidy.Nothing(
            "Add it: dotnet sln Broker.sln add <project>.",
            Repository.FilesLike(".csproj").Where(file => !solution.Contains($"\"{file.Path}\"", StringComparison.Ordinal)).Select(file => file.Path));
    }

    [Fact]
    public void Package_versions_stand_in_one_place() => Tidy.Nothing(
        "Put the version into Directory.Packages.props.",
        from file in Repository.FilesLike(".csproj")
        from package in XDocument.Parse(file.Text).Descendants("PackageReference")
        where package.Attribute("Version") is not null
        select $"{file.Path}: {package.Attribute("Include")?.Value}");

    [Theory]
    [InlineData("Broker.Protocol")]
    [InlineData("Broker.Machines")]
    public void Pure_projects_ban_clock_random_tasks_and_sockets(string project)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "src", project, $"{project}.csproj"));
        Assert.True(
            text.Contains("\"Microsoft.CodeAnalysis.BannedApiAnalyzers\"", StringComparison.Ordinal)
                && text.Contains("BannedSymbols.txt\"", StringComparison.Ordinal),
            $"{project} must stay pure: give it BannedApiAnalyzers and src/Broker.Machines/BannedSymbols.txt as AdditionalFiles.");
    }

    private static IEnumerable<SourceFile> Sources => Repository.FilesLike(".csproj").Where(file => file.Path.StartsWith("src/", StringComparison.Ordinal));

    private static IEnumerable<string> References(SourceFile project) =>
        from reference in XDocument.Parse(project.Text).Descendants("ProjectReference")
        select Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/'));
}
