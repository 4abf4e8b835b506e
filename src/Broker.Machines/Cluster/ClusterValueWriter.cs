using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Broker.Machines.Cluster;

/// <summary>Writes the JSON of a value.</summary>
internal static class ClusterValueWriter
{
    // Values are read in terminals and not in browsers: names are to be legible.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, s_options))
        {
            json.WriteStartObject();
            json.WriteNumber("format", ClusterValueReader.Version);
            members(json);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>In hexadecimal digits, as etcd's own tools show a lease. As a number it would be too large for most that read JSON.</summary>
    public static void WriteIncarnation(Utf8JsonWriter json, long incarnation) => json.WriteString("incarnation", incarnation.ToString("x16", CultureInfo.InvariantCulture));

    public static void WriteTexts(Utf8JsonWriter json, string member, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(member);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }
}
