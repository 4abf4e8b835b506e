using System.ComponentModel.DataAnnotations;
using Broker.Machines.Access;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>Who may do what before anything is said of it, section <c>Access</c> (<c>BROKER_ACCESS__DEFAULTPERMISSIONS</c>).</summary>
internal sealed class AccessOptions
{
    /// <summary>
    /// What a user may do for whom no permissions are set in any vhost: <c>full</c> (default), everything in the vhost <c>/</c> and nothing in others, or <c>none</c>.
    /// </summary>
    [AllowedValues("full", "none", ErrorMessage = "Access:DefaultPermissions must be full or none.")]
    public string DefaultPermissions { get; set; } = "full";

    /// <summary>The same for the broker.</summary>
    public DefaultPermissions Default => DefaultPermissions == "none" ? Machines.Access.DefaultPermissions.None : Machines.Access.DefaultPermissions.Full;
}

[OptionsValidator]
internal sealed partial class AccessOptionsValidator : IValidateOptions<AccessOptions>;
