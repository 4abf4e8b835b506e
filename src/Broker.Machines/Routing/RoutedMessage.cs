using Broker.Protocol;

namespace Broker.Machines.Routing;

/// <summary>A message as far as exchanges look at it. Properties are decoded when the first exchange asks for them, and once.</summary>
/// <param name="routingKey">Its routing key.</param>
/// <param name="properties">Its encoded properties, which were checked.</param>
/// <param name="draw">What random exchanges draw by; each message has another.</param>
public ref struct RoutedMessage(string routingKey, ReadOnlySpan<byte> properties, ulong draw)
{
    private const int FewHeaders = 16;
    private readonly ReadOnlySpan<byte> _properties = properties;
    private MessageProperties? _decoded;
    private Dictionary<string, FieldValue>? _headers;
    private ulong _draw = draw;

    /// <summary>Its routing key.</summary>
    public string RoutingKey { get; } = routingKey;

    /// <summary>The keys of its headers CC and BCC, under which it is routed as well.</summary>
    public IReadOnlyList<string> MoreKeys { get; init; } = [];

    /// <summary>Whether a delayed exchange holds it back, by its header x-delay.</summary>
    public bool HasDelayHeader { get; init; }

    /// <summary>Its properties.</summary>
    public MessageProperties Properties
    {
        get
        {
            if (_decoded is null && !MessageProperties.TryRead(_properties, out _decoded, out var fault))
            {
                throw new InvariantViolationException($"properties were checked when the message came, and cannot be read: {fault.Reason}");
            }

            return _decoded;
        }
    }

    /// <summary>Finds a header.</summary>
    public bool TryGetHeader(string name, out FieldValue value)
    {
        var headers = Properties.Headers;
        if (headers.Count <= FewHeaders)
        {
            return headers.TryGetValue(name, out value);
        }

        _headers ??= headers.ToDictionary(StringComparer.Ordinal);
        return _headers.TryGetValue(name, out value);
    }

    /// <summary>A number from 0 to less than <paramref name="count"/>, another with each call.</summary>
    public int Draw(int count)
    {
        _draw = Hashes.Next(_draw);
        return (int)((UInt128)_draw * (ulong)count >> 64);
    }
}
