using System.Text.Json;

namespace Broker.Pbm.Commands;

/// <summary>How an argument is written on the command line.</summary>
internal enum ArgumentKind
{
    Positional,
    Option,
    Flag,
}

/// <summary>The JSON type of an argument's value.</summary>
internal enum ArgumentType
{
    String,
    Int,
    Bool,
}

/// <summary>What is done with a file that an argument names.</summary>
internal enum ArgumentFile
{
    /// <summary>Its text is the argument's value.</summary>
    Read,

    /// <summary>What the command prints goes there; nothing is sent.</summary>
    Write,
}

/// <summary>One argument of a command of the node.</summary>
internal sealed record ArgumentDescriptor
{
    public required string Name { get; init; }

    public ArgumentKind Kind { get; init; } = ArgumentKind.Positional;

    public ArgumentType Type { get; init; } = ArgumentType.String;

    public bool Required { get; init; }

    /// <summary>What is done with the file that it names; <c>null</c> if it names none.</summary>
    public ArgumentFile? File { get; init; }

    /// <summary>What the node takes if it is not given; shown in help only.</summary>
    public JsonElement? Default { get; init; }

    public string Description { get; init; } = "";
}

/// <summary>One command of the node, as its <c>catalog</c> describes it.</summary>
internal sealed record CommandDescriptor
{
    /// <summary>Palette and name, such as <c>queue declare</c>. One word alone is a command for programs, such as <c>catalog</c> itself.</summary>
    public required string Command { get; init; }

    public string Description { get; init; } = "";

    public IReadOnlyList<ArgumentDescriptor> Arguments { get; init; } = [];

    /// <summary>The row's properties that a table shows, in order; empty: all, in the order of the first row.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>Whether it goes on until it is interrupted, and may be silent for any time.</summary>
    public bool Follows { get; init; }

    /// <summary>Whether its rows are the lines of a text, each in the property <c>text</c>, to be printed as they are.</summary>
    public bool IsText { get; init; }

    /// <summary>Reads a row of the catalog.</summary>
    /// <exception cref="PbmException">The row is of another form: node and <c>pbm</c> are of versions that do not go together.</exception>
    public static CommandDescriptor Read(JsonElement row)
    {
        try
        {
            var descriptor = row.Deserialize(CatalogJson.Default.CommandDescriptor)!;
            return Array.TrueForAll(descriptor.Command.Split(' '), word => word.Length > 0)
                ? descriptor
                : throw new JsonException($"'{descriptor.Command}' is not of the form 'palette name'");
        }
        catch (JsonException e)
        {
            throw new PbmException(ExitCode.Failed, "", $"the node's list of commands cannot be read; is this pbm of another version? {e.Message}");
        }
    }
}
