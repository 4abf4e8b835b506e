namespace Broker.Node.Tests.Processes;

/// <summary>How a test starts its node.</summary>
internal sealed record NodeSettings
{
    /// <summary>Data folder. <c>null</c> (default): a temporary one that goes with the node.</summary>
    public string? Data { get; init; }

    /// <summary>UDP port. Default 0: the system's choice.</summary>
    public int Port { get; init; }

    /// <summary>Further options of the command line, or others in place of the usual ones.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Further variables of the environment.</summary>
    public IReadOnlyList<(string Name, string Value)> Environment { get; init; } = [];
}
