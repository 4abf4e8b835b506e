using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Broker.Pbm.Output;

/// <summary>JSON on one line, with text outside ASCII as it is.</summary>
internal static class JsonLine
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value that exists.</summary>
    public static string Of(JsonElement value) => Write(value.WriteTo);

    /// <summary>A value that is being written.</summary>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, s_options))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }
}
