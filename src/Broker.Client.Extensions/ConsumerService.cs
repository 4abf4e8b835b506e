using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Broker.Client.Extensions;

/// <summary>Consumes a queue for as long as the host runs.</summary>
internal sealed class ConsumerService<THandler>(
    string queue, BrokerConsumerSettings settings, IBrokerClientProvider clients, IServiceScopeFactory scopes, ILogger<THandler> log) : BackgroundService
    where THandler : class, IMessageHandler
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await ConsumeAsync(stoppingToken).ConfigureAwait(false);
                return;
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                ClientLog.ConsumingEnded(log, queue, settings.RetryDelay.TotalSeconds, e.Message);
            }

            try
            {
                await Task.Delay(settings.RetryDelay, settings.TimeProvider, stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ConsumeAsync(CancellationToken stopping)
    {
        var client = await clients.GetAsync(stopping).ConfigureAwait(false);
        if (settings.Declare is not null)
        {
            await client.DeclareQueueAsync(queue, settings.Declare, stopping).ConfigureAwait(false);
        }

        if (settings.Prepare is not null)
        {
            await settings.Prepare(client, stopping).ConfigureAwait(false);
        }

        var options = settings.Options with { OnException = OnException };
        var consumer = await client.ConsumeAsync(queue, HandleAsync, options, stopping).ConfigureAwait(false);
        await using (consumer.ConfigureAwait(false))
        {
            ClientLog.Consuming(log, queue);
            await consumer.Completion.WaitAsync(stopping).ConfigureAwait(false);
        }
    }

    private async Task HandleAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        var scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            await scope.ServiceProvider.GetRequiredService<THandler>().HandleAsync(delivery, cancellationToken).ConfigureAwait(false);
        }
    }

    private FailureOutcome OnException(Delivery delivery, Exception exception)
    {
        var outcome = settings.Options.OnException?.Invoke(delivery, exception) ?? settings.Options.FailureOutcome;
        ClientLog.HandlerFailed(log, exception, queue, delivery.RoutingKey, delivery.DeliveryCount, outcome);
        return outcome;
    }
}
