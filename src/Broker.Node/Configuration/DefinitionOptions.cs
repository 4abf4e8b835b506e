namespace Broker.Node.Configuration;

/// <summary>What is declared at each start, section <c>Definitions</c> (<c>BROKER_DEFINITIONS__IMPORTFILE</c>).</summary>
internal sealed class DefinitionOptions
{
    /// <summary>
    /// A file of definitions, ours or RabbitMQ's, that is imported at each start before clients are served: what is missing is added, what is there stays as it is. Default: none. The node does not
    /// start if the file cannot be read; what of it cannot be taken is logged.
    /// </summary>
    public string? ImportFile { get; set; }
}
