using System.Collections.Frozen;
using System.Text;
using Broker.Machines.Messages;
using Broker.Protocol;

namespace Broker.Machines.Logs;

/// <summary>Which messages of a log a reader wants, by the value of one header. The others are passed over where the log is, and take none of the reader's credit.</summary>
public sealed class LogFilter
{
    /// <summary>The argument of SUBSCRIBE that has the wanted values: a text or a list of texts.</summary>
    public const string ValuesArgument = "x-stream-filter";

    /// <summary>The argument that names the header. Default: <see cref="DefaultHeader"/>.</summary>
    public const string HeaderArgument = "x-stream-filter-header";

    /// <summary>The argument that asks for messages without the header as well. Default: they are passed over.</summary>
    public const string UnfilteredArgument = "x-stream-match-unfiltered";

    /// <summary>The header that RabbitMQ's publishers set.</summary>
    public const string DefaultHeader = "x-stream-filter-value";

    private const int MostValues = 128;
    private readonly string _header;
    private readonly byte[] _encodedHeader;
    private readonly FrozenSet<string> _values;
    private readonly bool _matchesUnfiltered;

    private LogFilter(string header, IEnumerable<string> values, bool matchesUnfiltered)
    {
        _header = header;
        _encodedHeader = Encoding.UTF8.GetBytes(header);
        _values = values.ToFrozenSet(StringComparer.Ordinal);
        _matchesUnfiltered = matchesUnfiltered;
    }

    /// <summary>Reads the arguments.</summary>
    /// <param name="arguments">All arguments of SUBSCRIBE.</param>
    /// <param name="filter">The filter; <c>null</c> if none is asked for.</param>
    /// <param name="fault">INVALID_ARGUMENT, if the answer is <c>false</c>.</param>
    public static bool TryParse(FieldTable arguments, out LogFilter? filter, out FrameFault fault)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        filter = null;
        fault = default;
        var hasValues = arguments.TryGetValue(ValuesArgument, out var values);
        var hasHeader = arguments.TryGetValue(HeaderArgument, out var header);
        var hasUnfiltered = arguments.TryGetValue(UnfilteredArgument, out var unfiltered);
        if (!hasValues)
        {
            fault = Invalid(hasHeader || hasUnfiltered, $"argument '{(hasHeader ? HeaderArgument : UnfilteredArgument)}' needs '{ValuesArgument}': the wanted values");
            return !hasHeader && !hasUnfiltered;
        }

        var texts = (values.AsList() ?? [values]).Select(v => v.AsText()).ToList();
        if (texts.Count is 0 or > MostValues || texts.Contains(null))
        {
            fault = Invalid(true, $"argument '{ValuesArgument}' is {values}; it is a text, or a list of 1 to {MostValues} texts");
            return false;
        }

        if ((hasHeader && header.Kind != FieldKind.Text) || (hasUnfiltered && unfiltered.Kind != FieldKind.Boolean))
        {
            fault = Invalid(true, hasHeader && header.Kind != FieldKind.Text
                ? $"argument '{HeaderArgument}' is {header}; it is the name of a header"
                : $"argument '{UnfilteredArgument}' is {unfiltered}; it is true or false");
            return false;
        }

        filter = new LogFilter(header.AsText() ?? DefaultHeader, texts.OfType<string>(), unfiltered.AsBoolean() ?? false);
        return true;
    }

    /// <summary>Whether the reader wants a message.</summary>
    public bool Matches(in StoredMessage message) =>
        MessageView.TryParse(message.Bytes.Span, out var view, out _) && PropertiesView.TryParse(view.Properties, out var properties, out _) && properties.HasHeader(_encodedHeader)
            ? MessageProperties.TryRead(view.Properties, out var decoded, out _) && decoded.Headers.TryGetValue(_header, out var value)
                && value.AsText() is { } text && _values.Contains(text)
            : _matchesUnfiltered;

    private static FrameFault Invalid(bool isSo, string reason) => isSo ? new FrameFault(ErrorCode.InvalidArgument, reason) : default;
}
