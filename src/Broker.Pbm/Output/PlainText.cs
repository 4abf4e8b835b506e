using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Broker.Pbm.Output;

/// <summary>Text for people: one line, without what would move a terminal's cursor or change its colours.</summary>
internal static class PlainText
{
    /// <summary>Shows control characters as <c>\u001b</c> instead of sending them.</summary>
    public static string Visible(string text)
    {
        if (!text.Any(char.IsControl))
        {
            return text;
        }

        var visible = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (char.IsControl(c))
            {
                visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                visible.Append(c);
            }
        }

        return visible.ToString();
    }

    /// <summary>A JSON value as a cell: text without quotes, nothing for null, lists and objects as JSON.</summary>
    public static string Cell(JsonElement value) => Visible(value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => "",
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        _ => value.GetRawText(),
    });
}
