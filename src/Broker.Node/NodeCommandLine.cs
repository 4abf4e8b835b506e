using System.CommandLine;
using System.Security.Cryptography;
using Broker.Node.Certificates;
using Broker.Node.Hosting;

namespace Broker.Node;

/// <summary>The command line of the node's process: without a command it runs the node, <c>certs</c> makes development certificates.</summary>
internal static class NodeCommandLine
{
    /// <summary>Exit code of a command line, configuration or start that cannot work.</summary>
    public const int Failed = 1;

    private const string ClusterPrefix = "--cluster-";
    private static readonly Option<string> s_data = new("--data") { Description = "Folder of everything that outlives the process. Default: data" };
    private static readonly Option<string> s_certs = new("--certs")
    {
        Description = "Folder with ca.pem, server.pem and server.key. Default: certs in the data folder",
    };

    /// <summary>Builds the parser.</summary>
    public static RootCommand Build()
    {
        var root = new RootCommand("A message broker node that serves AMQP's model over QUIC.");
        AddRun(root);
        root.Subcommands.Add(Certs());
        return root;
    }

    private static void AddRun(RootCommand root)
    {
        var config = new Option<string>("--config")
        {
            Description = "JSON file with settings. Default: broker.json in the working directory, if there is one",
        };
        Option[] settings =
        [
            s_data,
            s_certs,
            new Option<string>("--name") { Description = "How the node calls itself. Default: the host's name" },
            new Option<string>("--listen") { Description = "IP address to listen on. Default: all, IPv6 and IPv4" },
            new Option<int>("--port") { Description = "UDP port; 0 lets the system choose. Default: 7400" },
            new Option<string>("--transport") { Description = "auto, msquic or ngtcp2. Default: auto" },
            new Option<bool>("--development-certificates") { Description = "Make certificates for this machine where there are none" },
            new Option<string>("--welcome") { Description = "A text file to print once the node serves" },
            new Option<string>("--cluster-etcd") { Description = "The etcd that the nodes of a cluster share, such as http://127.0.0.1:2379, with commas. Default: none, a node by itself" },
            new Option<string>("--cluster-name") { Description = "Name of the cluster. Default: broker" },
            new Option<string>("--cluster-advertise") { Description = "Where other nodes and clients reach this one, as host:port, with commas. Default: where it listens" },
            new Option<string>("--cluster-zone") { Description = "What fails together with this node, such as a rack" },
        ];
        root.Options.Add(config);
        foreach (var setting in settings)
        {
            root.Options.Add(setting);
        }

        root.SetAction((parsed, cancellationToken) =>
        {
            var given = new Dictionary<string, string?>();
            foreach (var setting in settings)
            {
                if (parsed.GetResult(setting) is { Implicit: false } result)
                {
                    given[ConfigurationKey(setting)] = result.Tokens.Count > 0 ? result.Tokens[^1].Value : bool.TrueString;
                }
            }

            return NodeHost.RunAsync(given, parsed.GetValue(config), cancellationToken);
        });
    }

    private static Command Certs()
    {
        var user = new Option<string>("--user") { Description = "Make a certificate for this user, as USER.pem and USER.key" };
        var role = new Option<CertificateRole>("--role") { Description = "What the user may be", DefaultValueFactory = _ => CertificateRole.Client };
        var host = new Option<string[]>("--host")
        {
            Description = "What clients call the server, besides this machine's own names: a DNS name or an IP address. As often as needed",
            DefaultValueFactory = _ => [],
        };
        var node = new Option<string[]>("--node")
        {
            Description = "Name of a node of a cluster, which gets node-NAME.pem and node-NAME.key in place of a server's. As often as needed",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("certs", "Make development certificates: an authority, a server or the nodes of a cluster, a client and an admin, or one more user.")
        {
            s_data, s_certs, user, role, host, node,
        };
        command.SetAction(parsed =>
        {
            var data = parsed.GetValue(s_data) ?? Environment.GetEnvironmentVariable("BROKER_DATA") ?? "data";
            var folder = parsed.GetValue(s_certs) ?? Path.Combine(data, "certs");
            try
            {
                var certificates = new DevelopmentCertificates(folder, TimeProvider.System, parsed.GetValue(host)!);
                var made = certificates.Ensure(parsed.GetValue(node)!).ToList();
                if (parsed.GetValue(user) is { } name)
                {
                    certificates.Issue(name, parsed.GetValue(role));
                    made.Add(name);
                }

                Console.WriteLine(made.Count > 0 ? $"Made in {folder}: {string.Join(", ", made)}" : $"All there and valid in {folder}");
                return 0;
            }
            catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or CryptographicException)
            {
                Console.Error.WriteLine(e.Message);
                return Failed;
            }
        });
        return command;
    }

    // --development-certificates is the key DevelopmentCertificates, --cluster-etcd is Cluster:Etcd; keys ignore case.
    private static string ConfigurationKey(Option option) => option.Name.StartsWith(ClusterPrefix, StringComparison.Ordinal)
        ? $"cluster:{option.Name[ClusterPrefix.Length..]}"
        : option.Name.Replace("-", "", StringComparison.Ordinal);
}
