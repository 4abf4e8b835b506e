using System.Net;
using Broker.Node.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Broker.Node.Health;

/// <summary>
/// <c>GET /health/live</c> answers 200 while the process answers at all; <c>GET /health/ready</c> answers 200 while the node serves everything and 503 otherwise,
/// with the reason: before, after, and when its log has failed.
/// </summary>
internal sealed class HealthEndpoint(
    IOptions<HealthOptions> options, IOptions<BrokerNodeOptions> node, NodeHealth health, ILogger<HealthEndpoint> logger) : IHostedService, IAsyncDisposable
{
    private WebApplication? _web;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // A node on a port of the system's choice has no neighbouring port to default to.
        var port = options.Value.Port ?? (node.Value.Port is > 0 and < 65535 ? node.Value.Port + 1 : 0);
        if (!options.Value.Enabled || port == 0)
        {
            return;
        }

        var endPoint = new IPEndPoint(IPAddress.Parse(options.Value.Address), port);
        var web = Build(endPoint);
        try
        {
            await web.StartAsync(cancellationToken);
            _web = web;
            HealthLog.Listening(logger, endPoint);
        }
        catch (IOException e) when (options.Value.Port is null && e.InnerException is AddressInUseException)
        {
            await web.DisposeAsync();
            HealthLog.PortTaken(logger, endPoint);
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _web?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _web?.DisposeAsync() ?? ValueTask.CompletedTask;

    // The empty builder reads no configuration of its own: ASPNETCORE_URLS of some other program must not move these endpoints.
    private WebApplication Build(IPEndPoint endPoint)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 64;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(endPoint);
        });
        var web = builder.Build();
        web.Run(AnswerAsync);
        return web;
    }

    private Task AnswerAsync(HttpContext context)
    {
        var state = health.State;
        var problem = state == NodeState.Ready ? health.Problem() : null;
        context.Response.StatusCode = context.Request.Path.Value switch
        {
            "/health/live" => StatusCodes.Status200OK,
            "/health/ready" => state == NodeState.Ready && problem is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status404NotFound,
        };
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync($"{problem ?? state.ToString().ToLowerInvariant()}\n", context.RequestAborted);
    }
}
