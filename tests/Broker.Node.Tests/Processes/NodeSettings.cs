namespace Broker.Node.Tests.Processes;

/// <summary>How a test starts its node.</summary>
internal sealed record NodeSettings
{
    /// <summary>
    /// So much garbage and no more before .NET collects it. Its own choice goes with the processor's cache, and is hundreds of megabytes where that is large: a test that
    /// compares memory before and after would wait for a collection that does not come.
    /// </summary>
    public static (string Name, string Value) CollectEarly { get; } = ("DOTNET_GCgen0size", "1000000"); // hexadecimal

    /// <summary>Data folder. <c>null</c> (default): a temporary one that goes with the node.</summary>
    public string? Data { get; init; }

    /// <summary>Folder of certificates. <c>null</c> (default): <c>certs</c> in the data folder.</summary>
    public string? Certs { get; init; }

    /// <summary>UDP port. Default 0: the system's choice.</summary>
    public int Port { get; init; }

    /// <summary>Further options of the command line, or others in place of the usual ones.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Further variables of the environment.</summary>
    public IReadOnlyList<(string Name, string Value)> Environment { get; init; } = [];

    /// <summary>What the program is started with, such as <c>setpriv</c> and its options; it must replace itself by the program. Default: nothing.</summary>
    public IReadOnlyList<string> Launcher { get; init; } = [];
}
