using Broker.Protocol;

namespace Broker.Pbm.Session;

/// <summary>Which node, and as whom.</summary>
/// <param name="Host">Name or IP address.</param>
/// <param name="Port">UDP port.</param>
/// <param name="CertificateFolder">Folder with <c>ca.pem</c> and the user's two files.</param>
/// <param name="User">The user's files are <c>{User}.pem</c> and <c>{User}.key</c>.</param>
internal sealed record SessionTarget(string Host, int Port, string CertificateFolder, string User)
{
    /// <summary>The vhost.</summary>
    public string Vhost { get; init; } = ProtocolInfo.DefaultVhost;

    private const string DefaultHost = "localhost";
    private const int DefaultPort = 7400;
    private const string DefaultUser = "admin";

    /// <summary>
    /// Decides from options, then environment (BROKER_HOST, BROKER_PORT, BROKER_CERTS, BROKER_USER, BROKER_DATA), then what local nodes left in their data
    /// folders: the first <c>data</c> from the working directory upwards, or from the folder of the program upwards. Nodes of a cluster on this machine are in <c>data/cluster</c>, with one folder
    /// of certificates; any of them that runs will do.
    /// </summary>
    /// <param name="data">Option: the folder of a local node; or <c>null</c>.</param>
    /// <param name="host">Option, or <c>null</c>.</param>
    /// <param name="port">Option, or <c>null</c>.</param>
    /// <param name="certificateFolder">Option, or <c>null</c>.</param>
    /// <param name="user">Option, or <c>null</c>.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <param name="startFolders">Where the search goes upwards from.</param>
    /// <exception cref="PbmException">A variable is no port, or no certificates are found.</exception>
    public static SessionTarget Resolve(
        string? data, string? host, int? port, string? certificateFolder, string? user, Func<string, string?> environment, IEnumerable<string> startFolders)
    {
        var given = certificateFolder ?? (data is null ? environment("BROKER_CERTS") : null);
        var folder = data ?? environment("BROKER_DATA");
        var local = folder is not null ? LocalNode.Of(folder)
            : given is not null ? LocalNode.Of(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(given)))!)
            : startFolders.Select(LocalNode.Search).FirstOrDefault(found => found is not null);
        var certificates = given ?? local?.CertificateFolder ?? throw new PbmException(
            ExitCode.CannotConnect, "", "no certificates: start a node with ./run.sh, or name their folder with --certs or BROKER_CERTS");

        // Whoever names a folder means its node, and no other that the environment is set for.
        host ??= data is null ? environment("BROKER_HOST") : null;
        port ??= data is null ? PortOf(environment("BROKER_PORT")) : null;
        var note = host is null ? local?.Note : null;
        return new SessionTarget(
            host ?? note?.Host ?? DefaultHost, port ?? note?.Port ?? DefaultPort, certificates, user ?? environment("BROKER_USER") ?? DefaultUser);
    }

    private static int? PortOf(string? text) => text switch
    {
        null => null,
        _ when int.TryParse(text, out var port) && port is > 0 and < 65536 => port,
        _ => throw new PbmException(ExitCode.Usage, "", $"BROKER_PORT is '{text}', which is no port"),
    };
}
