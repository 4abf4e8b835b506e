// A service that takes orders and sends invoices until Ctrl-C.  dotnet run --project examples/Worker [--Broker:Endpoints:0 host:port]
using Broker.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Worker;

var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddBrokerClient(builder.Configuration.GetSection("Broker"));
builder.Services.AddBrokerConsumer<OrderHandler>("orders", settings =>
{
    settings.Declare = new QueueOptions { RetryBackoff = RetryBackoff.Exponential, RetryDelay = TimeSpan.FromSeconds(1) };
    settings.Options = new HandlerOptions { MaxConcurrency = 4 };
    settings.Prepare = (client, cancelled) => client.DeclareQueueAsync("invoices", cancellationToken: cancelled);
});
builder.Services.AddHostedService<Shop>();
builder.Services.AddHealthChecks().AddBroker();
await builder.Build().RunAsync();
