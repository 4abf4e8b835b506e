using System.Text.Json.Nodes;

namespace Broker.Actors.Definitions;

/// <summary>What became of one definition of a file.</summary>
internal enum DefinitionResult
{
    /// <summary>It is there now.</summary>
    Added,

    /// <summary>It was there, alike.</summary>
    Unchanged,

    /// <summary>Something else is there under its name, and was left as it is.</summary>
    Different,

    /// <summary>It cannot be as it stands in the file, or not now.</summary>
    Refused,

    /// <summary>There is nothing of the kind here, or it was not asked for.</summary>
    NotTaken,
}

/// <summary>The report's line on one definition.</summary>
/// <param name="Section">The file's section.</param>
/// <param name="Vhost">The vhost; empty if it is in none.</param>
/// <param name="Name">What it is called, with all that tells it apart.</param>
/// <param name="Result">What became of it.</param>
/// <param name="Reason">Why, and what can be done; empty if it is there.</param>
internal sealed record DefinitionRow(string Section, string Vhost, string Name, DefinitionResult Result, string Reason = "")
{
    /// <summary>Whether the broker is now as the file has it, as far as this goes.</summary>
    public bool IsTaken => Result is DefinitionResult.Added or DefinitionResult.Unchanged;

    /// <summary>The row of a command.</summary>
    public JsonObject ToJson() => new()
    {
        ["section"] = Section,
        ["vhost"] = Vhost,
        ["name"] = Name,
        ["result"] = Result switch
        {
            DefinitionResult.Added => "added",
            DefinitionResult.Unchanged => "unchanged",
            DefinitionResult.Different => "different",
            DefinitionResult.Refused => "refused",
            _ => "not taken",
        },
        ["reason"] = Reason,
    };

    public override string ToString() => $"{Section} '{Name}'{(Vhost.Length > 0 ? $" in vhost '{Vhost}'" : "")}: {(string)ToJson()["result"]!}{(Reason.Length > 0 ? $": {Reason}" : "")}";
}
