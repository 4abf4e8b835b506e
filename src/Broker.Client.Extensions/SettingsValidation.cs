using Microsoft.Extensions.Options;

namespace Broker.Client.Extensions;

/// <summary>Says at the host's start what would only fail at the first connection.</summary>
internal sealed class SettingsValidation : IValidateOptions<BrokerClientSettings>
{
    public ValidateOptionsResult Validate(string? name, BrokerClientSettings options)
    {
        var client = string.IsNullOrEmpty(name) ? "broker client" : $"broker client '{name}'";
        try
        {
            options.ToOptions().Validate();
            return ValidateOptionsResult.Success;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            return ValidateOptionsResult.Fail($"{client}: {e.Message}");
        }
    }
}
