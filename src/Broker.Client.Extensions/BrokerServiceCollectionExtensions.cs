using Broker.Client;
using Broker.Client.Extensions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds broker clients, consumers and health checks to a program's services.</summary>
public static class BrokerServiceCollectionExtensions
{
    /// <summary>Adds the client, by code. Inject <see cref="IBrokerClientProvider"/>. The settings are checked when the host starts.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="configure">Changes the settings. Further calls change them further.</param>
    public static IServiceCollection AddBrokerClient(this IServiceCollection services, Action<BrokerClientSettings> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, null, null, configure);
    }

    /// <summary>Adds the client, by a section of the configuration. Inject <see cref="IBrokerClientProvider"/>. The settings are checked when the host starts.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="section">The section, with the names of <see cref="BrokerClientSettings"/>.</param>
    /// <param name="configure">Changes the settings after the section. Default: nothing.</param>
    public static IServiceCollection AddBrokerClient(this IServiceCollection services, IConfiguration section, Action<BrokerClientSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, null, section, configure);
    }

    /// <summary>Adds a client under a key, by code. Inject <see cref="IBrokerClientProvider"/> with <c>[FromKeyedServices(key)]</c>.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="key">The key, not empty.</param>
    /// <param name="configure">Changes the settings. Further calls with the same key change them further.</param>
    public static IServiceCollection AddKeyedBrokerClient(this IServiceCollection services, string key, Action<BrokerClientSettings> configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, key, null, configure);
    }

    /// <summary>Adds a client under a key, by a section of the configuration. Inject <see cref="IBrokerClientProvider"/> with <c>[FromKeyedServices(key)]</c>.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="key">The key, not empty.</param>
    /// <param name="section">The section, with the names of <see cref="BrokerClientSettings"/>.</param>
    /// <param name="configure">Changes the settings after the section. Default: nothing.</param>
    public static IServiceCollection AddKeyedBrokerClient(
        this IServiceCollection services, string key, IConfiguration section, Action<BrokerClientSettings>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, key, section, configure);
    }

    /// <summary>
    /// Consumes a queue while the host runs. A handler is made for each message, in a scope of its own. When the host stops, handlers that run have
    /// <see cref="BrokerClientOptions.CloseTimeout"/> to finish, within the host's own time to stop.
    /// </summary>
    /// <typeparam name="THandler">The handler; added as a scoped service unless it is there.</typeparam>
    /// <param name="services">The program's services.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="configure">Changes how it is consumed. Default: nothing.</param>
    /// <exception cref="ArgumentException">A setting cannot be.</exception>
    public static IServiceCollection AddBrokerConsumer<THandler>(this IServiceCollection services, string queue, Action<BrokerConsumerSettings>? configure = null)
        where THandler : class, IMessageHandler
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(queue);
        var settings = new BrokerConsumerSettings();
        configure?.Invoke(settings);
        settings.Validate();
        services.TryAddScoped<THandler>();

        // Not AddHostedService, which would take the second consumer of the same handler for the first.
        return services.AddSingleton<IHostedService>(provider => new ConsumerService<THandler>(
            queue,
            settings,
            Clients(provider, settings.ClientKey),
            provider.GetRequiredService<IServiceScopeFactory>(),
            provider.GetRequiredService<ILogger<THandler>>()));
    }

    /// <summary>
    /// Checks a client: healthy while it is connected, degraded while it connects again, and unhealthy, with the reason, if it cannot. Connects if nobody has yet.
    /// </summary>
    /// <param name="builder">The program's health checks.</param>
    /// <param name="name">The check's name. Default <c>broker</c>.</param>
    /// <param name="clientKey">The client's key, if it was added with one. Default <c>null</c>.</param>
    /// <param name="failureStatus">The status when it cannot connect. Default <c>null</c>: unhealthy.</param>
    /// <param name="tags">Tags by which checks are chosen. Default: none.</param>
    /// <param name="timeout">How long a check may take. Default <c>null</c>: as long as it takes.</param>
    public static IHealthChecksBuilder AddBroker(
        this IHealthChecksBuilder builder,
        string name = "broker",
        string? clientKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name, provider => new BrokerHealthCheck(Clients(provider, clientKey)), failureStatus, tags, timeout));
    }

    private static IBrokerClientProvider Clients(IServiceProvider provider, string? key) => (key is null
        ? provider.GetService<IBrokerClientProvider>()
        : provider.GetKeyedService<IBrokerClientProvider>(key)) ?? throw new InvalidOperationException(key is null
            ? "there is no broker client; call services.AddBrokerClient(...)"
            : $"there is no broker client '{key}'; call services.AddKeyedBrokerClient(\"{key}\", ...)");

    private static IServiceCollection Add(IServiceCollection services, string? key, IConfiguration? section, Action<BrokerClientSettings>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var name = key ?? Options.Options.DefaultName;
        var options = services.AddOptions<BrokerClientSettings>(name);
        if (section is not null)
        {
            options.Bind(section, static binder => binder.ErrorOnUnknownConfiguration = true);
        }

        if (configure is not null)
        {
            options.Configure(configure);
        }

        options.ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<BrokerClientSettings>, SettingsValidation>());
        if (services.Any(service => service.ServiceType == typeof(BrokerClientProvider) && Equals(service.ServiceKey, key)))
        {
            return services;
        }

        services.AddKeyedSingleton(key, (provider, _) => new BrokerClientProvider(
            name,
            provider.GetRequiredService<IOptionsMonitor<BrokerClientSettings>>(),
            provider.GetRequiredService<ILogger<BrokerClient>>(),
            provider.GetService<IHostEnvironment>()));
        services.AddKeyedSingleton<IBrokerClientProvider>(key, (provider, _) => provider.GetRequiredKeyedService<BrokerClientProvider>(key));
        return services.AddSingleton<IHostedService>(provider => new ClientLifetime(provider.GetRequiredKeyedService<BrokerClientProvider>(key)));
    }
}
