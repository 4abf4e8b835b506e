using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Broker.Client.Extensions;

/// <summary>Healthy while connected, degraded while another connection is being made, and else as the registration says. Connects if nobody has yet.</summary>
internal sealed class BrokerHealthCheck(IBrokerClientProvider clients) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        BrokerClient client;
        try
        {
            client = await clients.GetAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, $"not connected: {e.Message}", e);
        }

        var data = new Dictionary<string, object> { ["endpoint"] = client.Endpoint.ToString(), ["node"] = client.NodeId, ["cluster"] = client.ClusterName };
        return client.State switch
        {
            ClientState.Connected => HealthCheckResult.Healthy($"connected to {client.Endpoint}, node '{client.NodeId}'", data),
            ClientState.Recovering => HealthCheckResult.Degraded($"recovering: {client.StateReason?.Message}", client.StateReason, data),
            _ => new HealthCheckResult(context.Registration.FailureStatus, $"closed: {client.StateReason?.Message}", client.StateReason, data),
        };
    }
}
