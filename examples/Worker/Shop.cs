using System.Text;
using Broker.Client;
using Broker.Client.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Worker;

/// <summary>Places an order each second.</summary>
internal sealed class Shop(IBrokerClientProvider clients, ILogger<Shop> log) : BackgroundService
{
    private static readonly PublishOptions s_order = new() { Mandatory = true };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var seconds = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var number = 1; await seconds.WaitForNextTickAsync(stoppingToken); number++)
        {
            try
            {
                var client = await clients.GetAsync(stoppingToken);
                await client.PublishAsync("", "orders", Encoding.UTF8.GetBytes($"order {number}"), s_order, stoppingToken);
            }
            catch (BrokerException e)
            {
                log.LogWarning("order {Number} is not placed: {Reason}", number, e.Message);
            }
        }
    }
}
