using System.CommandLine;
using Broker.Pbm.Session;

namespace Broker.Pbm.Commands;

/// <summary>Options that every command has.</summary>
internal sealed class GlobalOptions
{
    private const int MaxTimeoutSeconds = 86_400;
    private static readonly TimeSpan s_defaultTimeout = TimeSpan.FromSeconds(10);

    private readonly Option<bool> _json = Global<bool>("--json", "One JSON object a line");
    private readonly Option<string> _data = Global<string>("--data", "Data folder of a node of this machine, such as data/cluster/n2 [BROKER_DATA]");
    private readonly Option<string> _host = Global<string>("--host", "The node's name or address [BROKER_HOST; default: the local node]");
    private readonly Option<int?> _port = Global<int?>("--port", "The node's UDP port [BROKER_PORT; default: the local node's, or 7400]");
    private readonly Option<string> _certs = Global<string>("--certs", "Folder with ca.pem, USER.pem and USER.key [BROKER_CERTS]");
    private readonly Option<string> _user = Global<string>("--user", "Whose certificate to show [BROKER_USER; default: admin]");
    private readonly Option<double?> _timeout = Global<double?>("--timeout", "Seconds to wait for each answer [default: 10]");

    /// <summary>Of the commands that publish and consume; those of the node have their own.</summary>
    public Option<string?> Vhost { get; } = new("--vhost") { Description = "The vhost [default: /]" };

    private IEnumerable<Option> All => [_json, _data, _host, _port, _certs, _user, _timeout];

    public void AddTo(Command root)
    {
        foreach (var option in All)
        {
            root.Options.Add(option);
        }
    }

    /// <summary>Checks what is needed before a command that the node must know can be parsed.</summary>
    /// <exception cref="PbmException">A value cannot be.</exception>
    public void Check(ParseResult parsed)
    {
        if (All.SelectMany(option => parsed.GetResult(option)?.Errors ?? []).FirstOrDefault() is { } error)
        {
            throw new PbmException(ExitCode.Usage, "", $"{error.Message} See 'pbm help'.");
        }

        Require(parsed.GetValue(_port) is null or (> 0 and < 65536), "--port must be 1 to 65535.");
        Require(parsed.GetValue(_timeout) is null or (> 0 and <= MaxTimeoutSeconds), $"--timeout must be above 0 and at most {MaxTimeoutSeconds} seconds.");
    }

    public static bool IsGlobal(string name) => name is "json" or "data" or "host" or "port" or "certs" or "user" or "timeout" or "help" or "version";

    public bool Json(ParseResult parsed) => parsed.GetValue(_json);

    public TimeSpan Timeout(ParseResult parsed) => parsed.GetValue(_timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : s_defaultTimeout;

    /// <summary>The node that the command line, the environment and the machine point to.</summary>
    public SessionTarget Target(ParseResult parsed)
    {
        var target = SessionTarget.Resolve(
            parsed.GetValue(_data),
            parsed.GetValue(_host),
            parsed.GetValue(_port),
            parsed.GetValue(_certs),
            parsed.GetValue(_user),
            Environment.GetEnvironmentVariable,
            [Environment.CurrentDirectory, AppContext.BaseDirectory]);
        return parsed.GetValue(Vhost) is { } vhost ? target with { Vhost = vhost } : target;
    }

    private static Option<T> Global<T>(string name, string description) => new(name) { Description = description, Recursive = true };

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new PbmException(ExitCode.Usage, "", $"{message} See 'pbm help'.");
        }
    }
}
