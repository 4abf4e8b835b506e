using System.Text.Json;

namespace Broker.Pbm.Session;

/// <summary>Which node, and as whom.</summary>
/// <param name="Host">Name or IP address.</param>
/// <param name="Port">UDP port.</param>
/// <param name="CertificateFolder">Folder with <c>ca.pem</c> and the user's two files.</param>
/// <param name="User">The user's files are <c>{User}.pem</c> and <c>{User}.key</c>.</param>
internal sealed record SessionTarget(string Host, int Port, string CertificateFolder, string User)
{
    private const string DefaultHost = "localhost";
    private const int DefaultPort = 7400;
    private const string DefaultUser = "admin";

    /// <summary>
    /// Decides from options, then environment (BROKER_HOST, BROKER_PORT, BROKER_CERTS, BROKER_USER, BROKER_DATA), then what a local node left in its data
    /// folder: the first <c>data/certs</c> from the working directory upwards, or from the folder of the program upwards.
    /// </summary>
    /// <param name="host">Option, or <c>null</c>.</param>
    /// <param name="port">Option, or <c>null</c>.</param>
    /// <param name="certificateFolder">Option, or <c>null</c>.</param>
    /// <param name="user">Option, or <c>null</c>.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <param name="startFolders">Where the search goes upwards from.</param>
    /// <exception cref="PbmException">A variable is no port, or no certificates are found.</exception>
    public static SessionTarget Resolve(
        string? host, int? port, string? certificateFolder, string? user, Func<string, string?> environment, IEnumerable<string> startFolders)
    {
        var certificates = certificateFolder
            ?? environment("BROKER_CERTS")
            ?? (environment("BROKER_DATA") is { } data ? Path.Combine(data, "certs") : startFolders.Select(Search).FirstOrDefault(found => found is not null))
            ?? throw new PbmException(
                ExitCode.CannotConnect, "", "no certificates: start a node with ./run.sh, or name their folder with --certs or BROKER_CERTS");

        host ??= environment("BROKER_HOST");
        port ??= PortOf(environment("BROKER_PORT"));
        var note = host is null ? AddressNote.Read(Path.Combine(certificates, "..", "node.json")) : null;
        return new SessionTarget(
            host ?? note?.Host ?? DefaultHost, port ?? note?.Port ?? DefaultPort, certificates, user ?? environment("BROKER_USER") ?? DefaultUser);
    }

    private static int? PortOf(string? text) => text switch
    {
        null => null,
        _ when int.TryParse(text, out var port) && port is > 0 and < 65536 => port,
        _ => throw new PbmException(ExitCode.Usage, "", $"BROKER_PORT is '{text}', which is no port"),
    };

    private static string? Search(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "data", "certs");
            if (File.Exists(Path.Combine(candidate, "ca.pem")))
            {
                return candidate;
            }
        }

        return null;
    }

    /// <summary>Where a running node of this machine says that it listens.</summary>
    private sealed record AddressNote(string Host, int Port)
    {
        private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

        public static AddressNote? Read(string path)
        {
            try
            {
                return JsonSerializer.Deserialize<AddressNote>(File.ReadAllBytes(path), s_json);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                return null; // no node runs on that folder, or not as this user: the defaults serve
            }
        }
    }
}
