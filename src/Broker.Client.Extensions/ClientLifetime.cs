using Microsoft.Extensions.Hosting;

namespace Broker.Client.Extensions;

/// <summary>Disposes of a client when all hosted services have stopped, in whatever order they were registered.</summary>
internal sealed class ClientLifetime(BrokerClientProvider provider) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => provider.DisposeAsync().AsTask().WaitAsync(cancellationToken);
}
