using Broker.Node.Configuration;
using Broker.Node.Health;
using Broker.Transport;
using Broker.Transport.Auto;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Broker.Node.Hosting;

/// <summary>Composes the process from its parts and runs it until it is told to stop.</summary>
internal static class NodeHost
{
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Runs a node until SIGTERM, Ctrl-C or cancellation.</summary>
    /// <returns>0 after an orderly stop; <see cref="NodeCommandLine.Failed"/> with a sentence on standard error if the node cannot start.</returns>
    public static async Task<int> RunAsync(IReadOnlyDictionary<string, string?> commandLine, string? configurationFile, CancellationToken cancellationToken)
    {
        try
        {
            using var host = Build(commandLine, configurationFile, QuicTransports.Create, Console.Out);
            await host.RunAsync(cancellationToken);
            return 0;
        }
        catch (OptionsValidationException e)
        {
            return Fail(e.Failures);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or FormatException or ArgumentException or InvalidOperationException)
        {
            return Fail([e.InnerException is null ? e.Message : $"{e.Message} ({e.InnerException.Message})"]);
        }
    }

    /// <summary>The host, not started.</summary>
    /// <param name="commandLine">Settings from the command line, by configuration key.</param>
    /// <param name="configurationFile">As <see cref="NodeConfiguration.AddNodeSources"/> takes it.</param>
    /// <param name="createTransport">Makes the backend of a name.</param>
    /// <param name="banner">Gets what is printed once the node serves.</param>
    public static IHost Build(
        IReadOnlyDictionary<string, string?> commandLine, string? configurationFile, Func<string, IQuicTransport> createTransport, TextWriter banner)
    {
        // The empty builder: no appsettings.json, DOTNET_ variables or command line syntax beside our own.
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddNodeSources(commandLine, configurationFile);
        AddLogging(builder);
        builder.Services.AddNodeOptions(builder.Configuration);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.Configure<ConsoleLifetimeOptions>(console => console.SuppressStatusMessages = true);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<NodeHealth>();
        builder.Services.AddSingleton(createTransport);
        builder.Services.AddSingleton(banner);
        builder.Services.AddHostedService<HealthEndpoint>();
        builder.Services.AddHostedService<BrokerHostedService>();
        return builder.Build();
    }

    // Standard output carries the banner alone, so that a terminal shows what to type next and a script can wait for it.
    private static void AddLogging(HostApplicationBuilder builder)
    {
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);

        // It would log a failed start with its stack; RunAsync says it in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        });
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static int Fail(IEnumerable<string> reasons)
    {
        foreach (var reason in reasons)
        {
            Console.Error.WriteLine($"The node cannot start: {reason}");
        }

        return NodeCommandLine.Failed;
    }
}
