using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Admin;

/// <summary>How a command's argument is given on a command line.</summary>
internal enum ArgumentKind
{
    /// <summary>By its place.</summary>
    Positional,

    /// <summary>As <c>--name value</c>.</summary>
    Option,

    /// <summary>As <c>--name</c>.</summary>
    Flag,
}

/// <summary>Whether an argument is a file on the side of whoever gives the command.</summary>
internal enum ArgumentFile
{
    /// <summary>It is none.</summary>
    None,

    /// <summary>The text of the file is sent as the argument's value.</summary>
    Read,

    /// <summary>The command's lines of text are written to the file; nothing is sent.</summary>
    Write,
}

/// <summary>An argument of a command.</summary>
/// <param name="Name">Name, as in <c>--name</c> and as the JSON member.</param>
/// <param name="Kind">How it is given.</param>
/// <param name="Type"><c>string</c>, <c>int</c> or <c>bool</c>.</param>
/// <param name="Description">One line.</param>
/// <param name="Required">Whether the command needs it.</param>
/// <param name="Default">What stands if it is not given.</param>
/// <param name="File">Whether it names a file.</param>
internal sealed record AdminArgument(
    string Name, ArgumentKind Kind, string Type, string Description, bool Required = false, JsonNode? Default = null, ArgumentFile File = ArgumentFile.None);

/// <summary>A command that <c>pbm</c> shows and this node carries out.</summary>
/// <param name="Name">Palette and verb, such as <c>queue list</c>.</param>
/// <param name="Description">One line.</param>
/// <param name="Arguments">Arguments in order.</param>
/// <param name="Columns">Members of the rows that a table shows, in order.</param>
/// <param name="Run">Carries it out. An <see cref="AdminException"/> is the command's answer; anything else is an internal error.</param>
/// <param name="Stream">Instead of <paramref name="Run"/>, for what takes long or never ends: yields rows as they come, until it ends or the client abandons the stream.</param>
/// <param name="WhileRecovering">Whether it can be used before the node has recovered its queues.</param>
/// <param name="Follows">Whether it goes on until its client abandons it, and may be silent for any time.</param>
/// <param name="IsText">Its rows are the lines of a text, each in the member <c>text</c>.</param>
internal sealed record AdminCommand(
    string Name,
    string Description,
    IReadOnlyList<AdminArgument> Arguments,
    IReadOnlyList<string> Columns,
    Func<AdminArguments, CancellationToken, Task<IReadOnlyList<JsonObject>>>? Run,
    bool WhileRecovering = false,
    Func<AdminArguments, CancellationToken, IAsyncEnumerable<JsonObject>>? Stream = null,
    bool Follows = false,
    bool IsText = false)
{
    /// <summary>The command's entry in the catalog.</summary>
    public JsonObject Describe() => new()
    {
        ["command"] = Name,
        ["description"] = Description,
        ["arguments"] = new JsonArray([.. Arguments.Select(a => new JsonObject
        {
            ["name"] = a.Name,
            ["kind"] = a.Kind switch { ArgumentKind.Positional => "positional", ArgumentKind.Option => "option", _ => "flag" },
            ["type"] = a.Type,
            ["required"] = a.Required,
            ["default"] = a.Default?.DeepClone(),
            ["description"] = a.Description,
            ["file"] = a.File switch { ArgumentFile.Read => "read", ArgumentFile.Write => "write", _ => null },
        })]),
        ["columns"] = new JsonArray([.. Columns.Select(c => JsonValue.Create(c))]),
        ["follows"] = Follows,
        ["isText"] = IsText,
    };
}

/// <summary>A command's answer is that it cannot be done.</summary>
internal sealed class AdminException(ErrorCode code, string message) : Exception(message)
{
    public ErrorCode Code => code;
}

/// <summary>The values that a client gave for a command's arguments, checked against their declaration.</summary>
internal sealed class AdminArguments
{
    private readonly JsonObject _values;

    /// <exception cref="AdminException">An argument is unknown, missing or of the wrong type.</exception>
    public AdminArguments(IReadOnlyList<AdminArgument> declared, JsonObject values)
    {
        _values = values;
        foreach (var (name, value) in values)
        {
            var argument = declared.FirstOrDefault(a => a.Name == name)
                ?? throw Invalid($"there is no argument '{name}'; known: {(declared.Count > 0 ? string.Join(", ", declared.Select(a => a.Name)) : "none")}");
            if (value is not null && !Fits(value, argument.Type))
            {
                throw Invalid($"argument '{name}' must be of type {argument.Type}");
            }
        }

        foreach (var argument in declared)
        {
            if (values[argument.Name] is null)
            {
                if (argument.Required)
                {
                    throw Invalid($"argument '{argument.Name}' is missing");
                }

                // As if the client had sent it: a node made from an int answers to no other type, one that was parsed to each that fits.
                values[argument.Name] = argument.Default is { } value ? JsonNode.Parse(value.ToJsonString()) : null;
            }
        }
    }

    /// <summary>A number of 0 or more; -1 and what is missing is none.</summary>
    /// <exception cref="AdminException">It is something else.</exception>
    public long? Limit(string name) => _values[name]?.GetValue<long>() switch
    {
        null or -1 => null,
        >= 0 and var number => number,
        var number => throw Invalid($"argument '{name}' is {number}; it must be 0 or more, or -1 for no limit"),
    };

    /// <summary>Whether it was given.</summary>
    public bool Has(string name) => _values[name] is not null;

    public string Text(string name) => _values[name]?.GetValue<string>() ?? "";

    public bool Flag(string name) => _values[name]?.GetValue<bool>() ?? false;

    /// <exception cref="AdminException">The number is out of range.</exception>
    public int Number(string name, int min, int max)
    {
        var number = _values[name]!.GetValue<long>();
        return number >= min && number <= max ? (int)number : throw Invalid($"argument '{name}' is {number}; it must be between {min} and {max}");
    }

    private static AdminException Invalid(string message) => new(ErrorCode.InvalidArgument, message);

    private static bool Fits(JsonNode value, string type) => value is JsonValue scalar && type switch
    {
        "string" => scalar.TryGetValue<string>(out _),
        "int" => scalar.TryGetValue<long>(out _),
        _ => scalar.TryGetValue<bool>(out _),
    };
}
