using System.Buffers;
using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>The headers of a message that decide where it goes, whatever its exchange: <c>CC</c> and <c>BCC</c>, lists of further routing keys, of which consumers do not see the second; and
/// <c>x-delay</c>, which delayed exchanges look at.</summary>
public sealed class RoutingHeaders
{
    private const string Carbon = "CC";
    private const string Blind = "BCC";
    private const string Delay = "x-delay";
    private const long LongestDelay = uint.MaxValue; // milliseconds, as in RabbitMQ's plugin
    private readonly MessageProperties _properties;

    private RoutingHeaders(MessageProperties properties, IReadOnlyList<string> keys, bool hides, bool delays)
    {
        _properties = properties;
        Keys = keys;
        Hides = hides;
        Delays = delays;
    }

    /// <summary>There are none.</summary>
    public static RoutingHeaders None { get; } = new(new MessageProperties(), [], false, false);

    /// <summary>Further routing keys.</summary>
    public IReadOnlyList<string> Keys { get; }

    /// <summary>Whether there is one that consumers are not to see.</summary>
    public bool Hides { get; }

    /// <summary>Whether a delayed exchange holds the message back.</summary>
    public bool Delays { get; }

    /// <summary>Whether a message has any of them.</summary>
    public static bool AreIn(in PropertiesView properties) =>
        properties.HasHeaders && (properties.HasHeader("CC"u8) || properties.HasHeader("BCC"u8) || properties.HasHeader("x-delay"u8));

    /// <summary>Reads them.</summary>
    /// <param name="properties">The message's encoded properties, which were checked.</param>
    /// <param name="headers">What they say.</param>
    /// <param name="fault">INVALID_ARGUMENT: keys that are not a list of texts. The message is to be refused.</param>
    public static bool TryRead(ReadOnlySpan<byte> properties, out RoutingHeaders headers, out FrameFault fault)
    {
        headers = None;
        if (!MessageProperties.TryRead(properties, out var decoded, out fault))
        {
            return false;
        }

        var keys = new List<string>();
        if (!TryAdd(decoded, Carbon, keys, out _, out fault) || !TryAdd(decoded, Blind, keys, out var hides, out fault))
        {
            return false;
        }

        var delays = decoded.Headers.TryGetValue(Delay, out var delay) && delay.AsInteger() is >= 1 and <= LongestDelay;
        headers = new RoutingHeaders(decoded, keys, hides, delays);
        return true;
    }

    /// <summary>The message as consumers are to see it.</summary>
    public ReadOnlySpan<byte> WithoutHidden(in MessageView view)
    {
        var (exchange, key) = (Encoding.UTF8.GetString(view.Exchange), Encoding.UTF8.GetString(view.RoutingKey));
        var properties = _properties with { Headers = FieldTable.Of(_properties.Headers.Where(h => h.Key != Blind)) };
        var message = new ArrayBufferWriter<byte>(MessageWriter.Size(exchange, key, properties, view.Body.Length));
        MessageWriter.Write(message, exchange, key, properties, view.Body);
        return message.WrittenSpan;
    }

    private static bool TryAdd(MessageProperties properties, string name, List<string> keys, out bool isThere, out FrameFault fault)
    {
        fault = default;
        isThere = properties.Headers.TryGetValue(name, out var value);
        if (!isThere)
        {
            return true;
        }

        if (value.AsList() is not { } list || list.Any(k => k.AsText() is null))
        {
            fault = new FrameFault(ErrorCode.InvalidArgument, $"the header '{name}' is {value}; it must be a list of texts, each a routing key");
            return false;
        }

        keys.AddRange(list.Select(k => k.AsText()!));
        return true;
    }
}
