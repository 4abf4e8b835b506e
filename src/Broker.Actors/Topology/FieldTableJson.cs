using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Topology;

/// <summary>
/// Tables as JSON objects, and the same table again: text, integers, truth values, null and lists are what they are in JSON; a double is <c>{"double": 1.5}</c>, bytes are <c>{"bytes": "base64"}</c>.
/// </summary>
internal static class FieldTableJson
{
    private const string DoubleName = "double";
    private const string BytesName = "bytes";

    /// <summary>A table as an object.</summary>
    public static JsonObject ToJson(FieldTable table) => new(table.Select(e => KeyValuePair.Create(e.Key, ToJson(e.Value))));

    /// <summary>An object as a table. A number that is not an integer is taken for a double, too, so that people can write it so.</summary>
    /// <exception cref="InvalidDataException">Something in it is not a value of a table, or it is too large for one.</exception>
    public static FieldTable ToTable(JsonObject json)
    {
        try
        {
            return FieldTable.Of(json.Select(e => KeyValuePair.Create(e.Key, ToValue(e.Value))));
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException)
        {
            throw new InvalidDataException($"not a table of arguments: {e.Message}");
        }
    }

    /// <summary>What stands for a table in a file that somebody else may have written.</summary>
    /// <param name="json">An object; nothing, or an empty list, which some write for one, is the empty table.</param>
    /// <param name="table">The table.</param>
    /// <param name="problem">What is wrong with it.</param>
    public static bool TryRead(JsonNode? json, [NotNullWhen(true)] out FieldTable? table, [NotNullWhen(false)] out string? problem)
    {
        (table, problem) = (null, null);
        try
        {
            table = json switch
            {
                null or JsonArray { Count: 0 } => FieldTable.Empty,
                JsonObject values => ToTable(values),
                _ => throw new InvalidDataException($"{json.ToJsonString()} is no JSON object"),
            };
            return true;
        }
        catch (InvalidDataException e)
        {
            problem = e.Message;
            return false;
        }
    }

    private static JsonNode? ToJson(FieldValue value) => value.Kind switch
    {
        FieldKind.Null => null,
        FieldKind.Boolean => JsonValue.Create(value.AsBoolean()!.Value),
        FieldKind.Integer => JsonValue.Create(value.AsInteger()!.Value),
        FieldKind.Double => new JsonObject { [DoubleName] = DoubleOf(value.AsDouble()!.Value) },
        FieldKind.Text => JsonValue.Create(value.AsText()),
        FieldKind.Bytes => new JsonObject { [BytesName] = Convert.ToBase64String(value.AsBytes()!) },
        _ => new JsonArray([.. value.AsList()!.Select(ToJson)]),
    };

    /// <summary>JSON has no infinities, and none that is no number.</summary>
    private static JsonValue DoubleOf(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(System.Globalization.CultureInfo.InvariantCulture));

    private static FieldValue ToValue(JsonNode? node) => node switch
    {
        null => FieldValue.Null,
        JsonArray list => FieldValue.List([.. list.Select(ToValue)]),
        JsonObject { Count: 1 } o when o[DoubleName] is JsonValue v => v.GetValueKind() == JsonValueKind.String
            ? double.Parse(v.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture)
            : Number(v),
        JsonObject { Count: 1 } o when o[BytesName] is JsonValue v => Convert.FromBase64String(v.GetValue<string>()),
        JsonValue v => v.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => v.GetValue<string>(),
            JsonValueKind.Number when long.TryParse(v.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture, out var integer) => integer,
            JsonValueKind.Number => Number(v),
            var kind => throw new FormatException($"{kind} is no value"),
        },
        _ => throw new FormatException($"'{node.ToJsonString()}' is no value"),
    };

    private static double Number(JsonValue value) => double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
}
