using System.Text.Json;
using System.Text.RegularExpressions;
using Broker.Tidy.Tests;

namespace Broker.Deploy.Tests.Docker;

/// <summary>A Dockerfile as its instructions say it.</summary>
internal sealed partial class Dockerfile
{
    /// <summary>What follows a stage's FROM, in order.</summary>
    private readonly List<(string Name, string Base, List<Instruction> Instructions)> _stages = [];

    private Dockerfile(IEnumerable<Instruction> instructions)
    {
        foreach (var instruction in instructions)
        {
            if (instruction.Name == "FROM")
            {
                var words = instruction.Words;
                _stages.Add((words is [_, "AS", var name] ? name : "", words[0], []));
            }
            else if (_stages.Count > 0)
            {
                _stages[^1].Instructions.Add(instruction);
            }
            else
            {
                Assert.True(instruction.Name == "ARG", $"before the first FROM only ARG may stand, and not {instruction.Name}");
                Arguments.Add(instruction.Words[0].Split('=')[0], instruction.Words[0].Split('=').ElementAtOrDefault(1));
            }
        }
    }

    /// <summary>Arguments of the build, with their defaults.</summary>
    public Dictionary<string, string?> Arguments { get; } = [];

    public IReadOnlyList<string> StageNames => [.. _stages.Select(stage => stage.Name)];

    public IReadOnlyList<string> Bases => [.. _stages.Select(stage => stage.Base)];

    /// <summary>Every COPY: from which stage (<c>null</c>: the repository), what, to where.</summary>
    public IReadOnlyList<(string? Stage, IReadOnlyList<string> Sources, string Target)> Copies =>
    [
        .. from stage in _stages
           from copy in stage.Instructions
           where copy.Name == "COPY"
           let paths = copy.Words.Where(word => !word.StartsWith("--", StringComparison.Ordinal)).ToList()
           let option = copy.Words.FirstOrDefault(word => word.StartsWith("--from=", StringComparison.Ordinal))
           select (option?["--from=".Length..], (IReadOnlyList<string>)paths[..^1], paths[^1]),
    ];

    /// <summary>Variables of the image.</summary>
    public IReadOnlyDictionary<string, string> Environment => Final("ENV").SelectMany(env => env.Words).Select(word => word.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>What the last stage installs with apt-get.</summary>
    public IReadOnlyList<string> Packages =>
        [.. Final("RUN").SelectMany(run => AptInstall().Matches(run.Text)).SelectMany(install => install.Groups["packages"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries))];

    public static Dockerfile Read(string path) => new(Instructions(File.ReadAllLines(Path.Combine(Repository.Root, path))));

    /// <summary>The words behind the last stage's only instruction of that name.</summary>
    public string[] The(string instruction) => Assert.Single(Final(instruction)).Words;

    /// <summary>The command of an instruction in JSON form.</summary>
    public string[] Command(string instruction)
    {
        var text = Assert.Single(Final(instruction)).Text;
        return JsonSerializer.Deserialize<string[]>(text[text.IndexOf('[', StringComparison.Ordinal)..])!;
    }

    /// <summary>The texts of the RUN instructions of a stage.</summary>
    public string Runs(string stage) => string.Join('\n', _stages.Single(s => s.Name == stage).Instructions.Where(i => i.Name == "RUN").Select(i => i.Text));

    private IEnumerable<Instruction> Final(string name) => _stages[^1].Instructions.Where(instruction => instruction.Name == name);

    // A backslash at a line's end goes on with the next one; lines of comment in between do not count.
    private static IEnumerable<Instruction> Instructions(IEnumerable<string> lines)
    {
        var text = "";
        foreach (var line in lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            text += line.TrimEnd('\\');
            if (line[^1] != '\\')
            {
                yield return new Instruction(text.Split(' ', 2)[0], text.Split(' ', 2)[1].Trim());
                text = "";
            }
        }

        Assert.True(text.Length == 0, $"the last instruction has no end: {text}");
    }

    [GeneratedRegex(@"apt-get install(?: --\S+)*(?<packages>(?: [a-z0-9][a-z0-9.+-]*)+)")]
    private static partial Regex AptInstall();

    private sealed record Instruction(string Name, string Text)
    {
        public string[] Words => Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
