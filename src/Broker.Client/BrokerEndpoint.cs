using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Broker.Protocol;

namespace Broker.Client;

/// <summary>Where a node listens.</summary>
/// <param name="Host">Name or IP address.</param>
/// <param name="Port">UDP port, 1 to 65535.</param>
public sealed record BrokerEndpoint(string Host, int Port = ProtocolInfo.DefaultPort)
{
    /// <summary>Reads <c>host</c>, <c>host:port</c>, <c>address</c>, <c>address:port</c> or <c>[IPv6 address]:port</c>.</summary>
    /// <exception cref="FormatException">It is none of these.</exception>
    public static BrokerEndpoint Parse(string text) =>
        TryParse(text, out var endpoint) ? endpoint : throw new FormatException($"'{text}' is no endpoint; write host:port or [IPv6 address]:port");

    /// <summary>Reads what <see cref="Parse"/> reads.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out BrokerEndpoint? endpoint)
    {
        endpoint = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            return false;
        }

        var host = text;
        string? port = null;
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']', StringComparison.Ordinal);
            if (end < 0 || (end + 1 < text.Length && text[end + 1] != ':'))
            {
                return false;
            }

            host = text[1..end];
            port = end + 1 < text.Length ? text[(end + 2)..] : null;
        }
        else if (text.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon && colon == text.LastIndexOf(':'))
        {
            host = text[..colon];
            port = text[(colon + 1)..];
        }

        var number = ProtocolInfo.DefaultPort;
        if (host.Length == 0
            || (port is not null && (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number is < 1 or > 65535)))
        {
            return false;
        }

        endpoint = new BrokerEndpoint(host, number);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
