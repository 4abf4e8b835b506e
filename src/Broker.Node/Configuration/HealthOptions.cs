using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>The HTTP health endpoints, section <c>Health</c> (<c>BROKER_HEALTH__PORT</c>).</summary>
internal sealed class HealthOptions
{
    /// <summary>Serve them. Default <c>true</c>.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>IP address. Default 127.0.0.1: they tell little, but to nobody outside the machine.</summary>
    [Required, IPAddressText]
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>
    /// TCP port. Default: the node's UDP port plus 1. A port given here that is taken fails the start; the default one only logs a warning,
    /// so that a second node on a machine needs no configuration.
    /// </summary>
    [Range(1, 65535)]
    public int? Port { get; set; }
}

[OptionsValidator]
internal sealed partial class HealthOptionsValidator : IValidateOptions<HealthOptions>;
