using Broker.Client.Extensions;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Broker.Client.Tests.Extensions;

/// <summary>What the health check says of a client.</summary>
public sealed class HealthCheckTests
{
    [Fact]
    public async Task A_client_is_healthy_connected_degraded_recovering_and_unhealthy_closed()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var (lost, recovered) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var host = new TestHost(services =>
        {
            services.AddBrokerClient(settings => settings.Customize = _ => broker.RecoveringOptions with
            {
                OnConnectionLost = _ => lost.TrySetResult(), OnConnectionRecovered = _ => recovered.TrySetResult(),
            });
            services.AddHealthChecks().AddBroker(tags: ["ready"]);
        });
        await host.StartAsync();
        var checking = CheckAsync(host);
        await broker.AcceptAsync();
        var (status, description) = await Within.TimeAsync(checking, "the first check, which connects");
        Assert.Equal((HealthStatus.Healthy, $"connected to {broker.Options.Endpoints[0]}, node 'node-1'"), (status, description));

        await broker.Connection.CloseAsync((long)ErrorCode.ShuttingDown, "restart");
        await Within.TimeAsync(lost.Task, "the loss");
        (status, description) = await Within.TimeAsync(CheckAsync(host), "the second check");
        Assert.Equal((HealthStatus.Degraded, "recovering: connection lost: SHUTTING_DOWN: restart"), (status, description));

        await broker.AcceptAsync();
        var client = host.Services.GetRequiredService<IBrokerClientProvider>().Current!;
        await Within.TimeAsync(recovered.Task, "another connection");
        Assert.Equal(ClientState.Connected, client.State);
        await broker.Connection.CloseAsync((long)ErrorCode.AccessRefused, "user disabled");
        await Within.TimeAsync(client.Closed, "the client's end");
        await broker.StopListeningAsync();
        (status, description) = await Within.TimeAsync(CheckAsync(host), "the third check, which cannot connect");
        Assert.Equal(HealthStatus.Unhealthy, status);
        Assert.StartsWith("not connected: connect to ", description, StringComparison.Ordinal);
        Assert.Equal(ClientState.Closed, client.State);
        Assert.Equal(ErrorCode.AccessRefused, client.StateReason!.ErrorCode);
    }

    private static async Task<(HealthStatus Status, string? Description)> CheckAsync(TestHost host)
    {
        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(static check => check.Tags.Contains("ready"));
        var entry = Assert.Single(report.Entries);
        Assert.Equal("broker", entry.Key);
        return (entry.Value.Status, entry.Value.Description);
    }
}
