using System.Text.Json.Nodes;

namespace Broker.Actors.Definitions;

/// <summary>An entry of a file of definitions does not have what it must have.</summary>
internal sealed class DefinitionException(string message) : Exception(message);

/// <summary>One entry of a file of definitions.</summary>
/// <param name="section">The file's section.</param>
/// <param name="values">Its members.</param>
/// <param name="defaultVhost">The vhost of an entry that names none, as in files of one vhost.</param>
internal sealed class DefinitionEntry(string section, JsonObject values, string defaultVhost)
{
    /// <summary>The file's section.</summary>
    public string Section => section;

    /// <summary>The vhost.</summary>
    public string Vhost => TextOr("vhost", defaultVhost);

    /// <summary>What it is called; as good as it can be told.</summary>
    public string Name => section switch
    {
        "permissions" => Shown("user"),
        "topic_permissions" => $"{Shown("user")}, {Shown("exchange")}",
        "parameters" => $"{Shown("component")} {Shown("name")}",
        "bindings" => $"{Shown("source")} -> {Shown("destination")} [{Shown("routing_key")}]",
        _ => Shown("name"),
    };

    /// <summary>A member that may be missing.</summary>
    public JsonNode? this[string member] => values[member];

    /// <summary>A text that must be there.</summary>
    /// <exception cref="DefinitionException">It is not.</exception>
    public string Text(string member) => values[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : throw new DefinitionException($"'{member}' must be a text");

    /// <summary>A text, or what stands for it if it is missing.</summary>
    /// <exception cref="DefinitionException">It is something else.</exception>
    public string TextOr(string member, string missing) => values[member] is null ? missing : Text(member);

    /// <summary>True, or false if it is missing.</summary>
    /// <exception cref="DefinitionException">It is something else.</exception>
    public bool Flag(string member, bool missing = false) => values[member] switch
    {
        null => missing,
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
        _ => throw new DefinitionException($"'{member}' must be true or false"),
    };

    /// <summary>A number; <c>null</c> if it is missing.</summary>
    /// <exception cref="DefinitionException">It is something else.</exception>
    public long? Number(string member) => values[member] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<long>(out var number) => number,
        _ => throw new DefinitionException($"'{member}' must be an integer"),
    };

    /// <summary>An object in it; an empty one if it is missing.</summary>
    /// <exception cref="DefinitionException">It is something else.</exception>
    public DefinitionEntry Inner(string member) => values[member] switch
    {
        null or JsonArray { Count: 0 } => new DefinitionEntry(section, [], defaultVhost),
        JsonObject inner => new DefinitionEntry(section, inner, defaultVhost),
        _ => throw new DefinitionException($"'{member}' must be an object"),
    };

    /// <summary>Its members.</summary>
    public IEnumerable<string> Members => values.Select(v => v.Key);

    private string Shown(string member) => values[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "?";
}
