using Microsoft.Extensions.Options;

namespace Broker.Deploy.Tests.Settings;

/// <summary>That the checks of this project can fail.</summary>
public sealed class NodeSettingsTests
{
    [Theory]
    [InlineData("BROKER_PORTS", "7400", "PORTS")]
    [InlineData("BROKER_HEALTH_PORT", "7401", "HEALTH_PORT")]
    [InlineData("HEALTH__PORT", "7401", "HEALTH__PORT")]
    [InlineData("BROKER_PORT", "udp://10.96.0.7:7400", "Port")]
    public void A_variable_that_the_node_would_not_take_is_found(string name, string value, string named)
    {
        var refusal = Assert.Throws<InvalidOperationException>(() => NodeSettings.From([new(name, value)]));
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_out_of_range_is_found() =>
        Assert.Throws<OptionsValidationException>(() => NodeSettings.From([new("BROKER_HEALTH__ADDRESS", "everywhere")]));
}
