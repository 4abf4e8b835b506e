using System.Globalization;

namespace Broker.Node.Configuration;

/// <summary>A host and a port, as in <c>broker-1.example:7400</c>, <c>192.0.2.7:7400</c> or <c>[2001:db8::1]:7400</c>.</summary>
/// <param name="Host">A DNS name, or an IP address without brackets.</param>
/// <param name="Port">1 to 65535.</param>
internal sealed record HostPort(string Host, int Port)
{
    /// <summary>Takes a text apart; <c>null</c> if it is none.</summary>
    public static HostPort? Of(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 1 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
        {
            return null;
        }

        var host = text[..colon];
        var isBracketed = host is ['[', .., ']'];
        var bare = isBracketed ? host[1..^1] : host;
        var kind = Uri.CheckHostName(bare);
        return kind == UriHostNameType.IPv6 == isBracketed && kind is UriHostNameType.Dns or UriHostNameType.IPv4 or UriHostNameType.IPv6 ? new HostPort(bare, port) : null;
    }
}
