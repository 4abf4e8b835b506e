using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>
/// One node. Each property is a command line option (<c>--port</c>), an environment variable (<c>BROKER_PORT</c>) and a key of the configuration
/// file (<c>"Port"</c>), in that precedence; docs/configuration.md lists them.
/// </summary>
internal sealed class BrokerNodeOptions
{
    /// <summary>How the node calls itself to clients and operators. Default: the host's name. 1 to 64 letters, digits, dots, dashes or underscores.</summary>
    [RegularExpression("[A-Za-z0-9._-]{1,64}", ErrorMessage = "Name must be 1 to 64 letters, digits, dots, dashes or underscores.")]
    public string Name { get; set; } = Environment.MachineName;

    /// <summary>Folder of everything that outlives the process. Default <c>data</c> in the working directory. Created if missing; one node at a time.</summary>
    [Required]
    public string Data { get; set; } = "data";

    /// <summary>Folder with <c>ca.pem</c>, <c>server.pem</c> and <c>server.key</c>. Default: <c>certs</c> in the data folder.</summary>
    public string? Certs { get; set; }

    /// <summary>IP address to listen on. Default: every address of the host, IPv6 and IPv4, or IPv4 alone where IPv6 is off.</summary>
    [IPAddressText]
    public string? Listen { get; set; }

    /// <summary>UDP port. Default 7400. Range 0 to 65535; 0 lets the system choose.</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 7400;

    /// <summary>QUIC backend: <c>auto</c> (default: System.Net.Quic where libmsquic is installed, else ngtcp2), <c>msquic</c> or <c>ngtcp2</c>.</summary>
    [AllowedValues("auto", "msquic", "ngtcp2", ErrorMessage = "Transport must be auto, msquic or ngtcp2.")]
    public string Transport { get; set; } = "auto";

    /// <summary>Create a certification authority and certificates for one machine where there are none. Default <c>false</c>: they must exist.</summary>
    public bool DevelopmentCertificates { get; set; }

    /// <summary>A text file that is printed once the node serves. Default: none.</summary>
    public string? Welcome { get; set; }

    /// <summary><see cref="Certs"/> or its default.</summary>
    public string CertificateFolder => Certs ?? Path.Combine(Data, "certs");
}

/// <summary>The text of an IP address, or nothing.</summary>
internal sealed class IPAddressTextAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => value is null || (value is string text && IPAddress.TryParse(text, out _));

    public override string FormatErrorMessage(string name) => $"{name} must be an IP address such as 127.0.0.1 or ::.";
}

[OptionsValidator]
internal sealed partial class BrokerNodeOptionsValidator : IValidateOptions<BrokerNodeOptions>;
