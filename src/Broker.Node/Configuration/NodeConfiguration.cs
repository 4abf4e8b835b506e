using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Broker.Node.Configuration;

/// <summary>Where settings come from and how they are checked.</summary>
internal static class NodeConfiguration
{
    private const string EnvironmentPrefix = "BROKER_";
    private const string DefaultFile = "broker.json";

    /// <summary>Adds file, environment and command line; the later wins.</summary>
    /// <param name="configuration">To add to.</param>
    /// <param name="commandLine">Options that were given on the command line, by their configuration keys.</param>
    /// <param name="file">A file that must exist. <c>null</c>: the environment's BROKER_CONFIG, else <c>broker.json</c> in the working directory if there is
    /// one.</param>
    public static void AddNodeSources(this IConfigurationBuilder configuration, IReadOnlyDictionary<string, string?> commandLine, string? file)
    {
        var given = file ?? Environment.GetEnvironmentVariable(EnvironmentPrefix + "CONFIG");
        configuration.AddJsonFile(Path.GetFullPath(given ?? DefaultFile), optional: given is null, reloadOnChange: false);
        configuration.AddEnvironmentVariables(EnvironmentPrefix);
        configuration.AddInMemoryCollection(commandLine);
    }

    /// <summary>Binds the options and has them checked before anything starts.</summary>
    public static void AddNodeOptions(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton<IValidateOptions<BrokerNodeOptions>, BrokerNodeOptionsValidator>();
        services.AddSingleton<IValidateOptions<HealthOptions>, HealthOptionsValidator>();
        services.AddSingleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>();
        services.AddSingleton<IValidateOptions<StorageOptions>, StorageOptionsValidator>();
        services.AddSingleton<IValidateOptions<AccessOptions>, AccessOptionsValidator>();
        services.AddSingleton<IValidateOptions<ClusterOptions>, ClusterOptionsValidator>();
        services.AddSingleton<IValidateOptions<ClusterOptions>, ClusterOptionsRules>();
        services.AddOptions<BrokerNodeOptions>().Bind(configuration).ValidateOnStart();
        services.AddOptions<HealthOptions>().Bind(configuration.GetSection("Health")).ValidateOnStart();
        services.AddOptions<LimitOptions>().Bind(configuration.GetSection("Limits")).ValidateOnStart();
        services.AddOptions<StorageOptions>().Bind(configuration.GetSection("Storage")).ValidateOnStart();
        services.AddOptions<AccessOptions>().Bind(configuration.GetSection("Access")).ValidateOnStart();
        services.AddOptions<DefinitionOptions>().Bind(configuration.GetSection("Definitions"));
        var cluster = configuration.GetSection("Cluster");
        services.AddOptions<ClusterOptions>().Bind(cluster).Configure(options => options.ReadLists(cluster)).ValidateOnStart();
    }
}
