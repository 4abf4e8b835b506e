using System.Runtime.CompilerServices;

namespace Broker.Tidy.Tests;

/// <summary>The text of the repository: every file that a person wrote.</summary>
internal static class Repository
{
    private static readonly string[] s_otherFolders = [".git", "bin", "obj", "node_modules", "data", "artifacts", "TestResults"];
    private static readonly string[] s_textEndings =
    [
        ".cs", ".csproj", ".props", ".targets", ".sln", ".slnf", ".sh", ".mjs", ".js", ".ts", ".md", ".json", ".yml", ".yaml", ".txt",
        ".editorconfig", ".gitignore", ".gitattributes", ".dockerignore",
    ];

    /// <summary>The folder of Broker.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Every text file, paths relative to the root with forward slashes, in order.</summary>
    public static IReadOnlyList<SourceFile> Files { get; } = [.. Walk(Root).OrderBy(path => path, StringComparer.Ordinal).Select(path => new SourceFile(path))];

    /// <summary>Files with one of the endings.</summary>
    public static IEnumerable<SourceFile> FilesLike(params string[] endings) =>
        Files.Where(file => endings.Any(ending => file.Path.EndsWith(ending, StringComparison.Ordinal)));

    /// <summary>Whether a file or folder exists.</summary>
    public static bool Has(string path) => Path.Exists(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Where(IsText))
        {
            yield return Path.GetRelativePath(Root, file).Replace('\\', '/');
        }

        foreach (var child in Directory.EnumerateDirectories(folder).Where(child => !s_otherFolders.Contains(Path.GetFileName(child))))
        {
            foreach (var file in Walk(child))
            {
                yield return file;
            }
        }
    }

    // Scripts of the root and Dockerfiles have no ending.
    private static bool IsText(string path) => s_textEndings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal))
        || (Path.GetExtension(path).Length == 0 && Path.GetFileName(path) is "pbm" or "run" or "Dockerfile");

    private static string FindRoot([CallerFilePath] string here = "")
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Broker.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Broker.sln above {AppContext.BaseDirectory}; {here} reads the sources, so it must run inside the repository");
    }
}

/// <summary>One file, by its path in the repository.</summary>
internal sealed record SourceFile(string Path)
{
    /// <summary>Name without folder.</summary>
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>Folder, "" for the root.</summary>
    public string Folder => Path.LastIndexOf('/') is var slash and >= 0 ? Path[..slash] : "";

    public string FullPath => System.IO.Path.Combine(Repository.Root, Path);

    public string Text => field ??= File.ReadAllText(FullPath);

    public string[] Lines => field ??= File.ReadAllLines(FullPath);
}
