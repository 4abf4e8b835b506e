using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Broker.Client.Tests.Extensions;

/// <summary>A host with nothing but what the test adds, and what it has logged.</summary>
internal sealed class TestHost : IAsyncDisposable, ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _log = new();
    private readonly IHost _host;
    private bool _runs;

    public TestHost(Action<IServiceCollection> add)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ApplicationName = "shop" });
        builder.Logging.AddProvider(this);
        add(builder.Services);
        _host = builder.Build();
    }

    public IServiceProvider Services => _host.Services;

    /// <summary>Warnings and errors of clients and consumers, and the numbers of other events.</summary>
    public IEnumerable<string> Log => _log;

    public async Task StartAsync()
    {
        await _host.StartAsync();
        _runs = true;
    }

    public async Task StopAsync()
    {
        if (_runs)
        {
            _runs = false;
            await _host.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    ILogger ILoggerProvider.CreateLogger(string categoryName) => this;

    void IDisposable.Dispose()
    {
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id is >= 200 and < 220)
        {
            _log.Enqueue($"{eventId.Id} {formatter(state, exception)}");
        }
    }
}
