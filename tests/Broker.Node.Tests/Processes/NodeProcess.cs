using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Broker.Client;
using Broker.Transport;
using Broker.Transport.Ngtcp2;

namespace Broker.Node.Tests.Processes;

/// <summary>A node as an operator runs it: the built program in its own process, on 127.0.0.1, with development certificates in its data folder.</summary>
internal sealed partial class NodeProcess : IAsyncDisposable
{
    private const string Program = "Broker.Node.dll";

    private readonly ChildProcess _process;
    private readonly string _certs;
    private readonly TemporaryFolder? _temporary;
    private bool _expectedToRun = true;

    private NodeProcess(ChildProcess process, string data, string? certs, TemporaryFolder? temporary, IPEndPoint address)
    {
        _process = process;
        _temporary = temporary;
        _certs = certs ?? Path.Combine(data, "certs");
        Data = data;
        Address = address;
    }

    /// <summary>Where it serves.</summary>
    public IPEndPoint Address { get; }

    public string Data { get; }

    /// <summary>Where a path of the node's is found from here, if it has mounts of its own.</summary>
    public string ViewOf(string path) => $"/proc/{_process.Id}/root{path}";

    /// <summary>Everything that it has printed, for failure messages.</summary>
    public string Transcript => _process.Transcript;

    public string Log => _process.StandardError;

    /// <summary>Waits until the node has logged this. What it prints may come after what it answers.</summary>
    public Task ExpectLogAsync(string text) => Wait.Until(() => Task.FromResult(Log), log => log.Contains(text, StringComparison.Ordinal), $"the node to log '{text}'");

    public bool IsRunning => !_process.HasExited;

    /// <summary>A transport for this node's clients.</summary>
    public Ngtcp2Transport Transport { get; } = new();

    /// <summary>Resident memory in bytes, as the kernel counts it.</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Starts a node and waits until it serves.</summary>
    public static async Task<NodeProcess> StartAsync(NodeSettings? settings = null)
    {
        settings ??= new NodeSettings();
        var temporary = settings.Data is null ? new TemporaryFolder() : null;
        var data = settings.Data ?? temporary!["data"];
        var banner = new TaskCompletionSource<IPEndPoint>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = Launch(data, settings, line =>
        {
            if (Banner().Match(line) is { Success: true } match)
            {
                banner.TrySetResult(IPEndPoint.Parse(match.Groups["address"].Value));
            }
        });
        try
        {
            await Wait.For(Task.WhenAny(banner.Task, process.Exited), "the node's banner");
            Assert.True(banner.Task.IsCompleted, $"the node ended before it served\n{process.Transcript}");
            return new NodeProcess(process, data, settings.Certs, temporary, await banner.Task);
        }
        catch
        {
            process.Dispose();
            temporary?.Dispose();
            throw;
        }
    }

    /// <summary>Runs a node that is not to come up, until it has given up.</summary>
    public static async Task<(int ExitCode, string Error)> FailAsync(NodeSettings settings)
    {
        using var temporary = new TemporaryFolder();
        using var process = Launch(settings.Data ?? temporary["data"], settings, null);
        await Wait.For(process.Exited, $"the node to give up: {string.Join(' ', settings.Options)}");
        Assert.DoesNotContain(" serves udp ", process.StandardOutput, StringComparison.Ordinal);
        return (process.ExitCode, process.StandardError);
    }

    /// <summary>Starts a node and kills it after a time, whether or not it serves by then. One that gives up by itself before is a failure.</summary>
    public static async Task KillWhileStartingAsync(NodeSettings settings, TimeSpan after)
    {
        using var process = Launch(settings.Data ?? throw new ArgumentException("a node that is killed leaves its folder to somebody", nameof(settings)), settings, null);
        await Task.WhenAny(process.Exited, Task.Delay(after)); // the moment is what is tested
        Assert.False(process.HasExited, $"the node ended by itself while it started\n{process.Transcript}");
        process.Kill();
        await Wait.For(process.Exited, "the end of a node that was killed while it started");
    }

    /// <summary>The identity in a user's files.</summary>
    public QuicTlsOptions Tls(string user = "client") =>
        QuicTlsOptions.FromFiles(Certificate($"{user}.pem"), Certificate($"{user}.key"), Certificate("ca.pem"));

    /// <summary>Connects with the client library.</summary>
    public async Task<BrokerClient> ConnectAsync(string user = "client", Func<BrokerClientOptions, BrokerClientOptions>? change = null)
    {
        var options = new BrokerClientOptions
        {
            RecoverConnection = false, // what a node does to a connection is to be seen, not what the library makes of it
            Endpoints = [new BrokerEndpoint(Address.Address.ToString(), Address.Port)],
            CertificateFile = Certificate($"{user}.pem"),
            PrivateKeyFile = Certificate($"{user}.key"),
            TrustedRootsFile = Certificate("ca.pem"),
            ConnectTimeout = Wait.Limit,
            Transport = Transport,
        };
        return await Wait.For(BrokerClient.ConnectAsync(change?.Invoke(options) ?? options), "a client's connection");
    }

    /// <summary>Connects a client whose node is to be killed under it: there will be nobody to say goodbye to.</summary>
    public Task<BrokerClient> ConnectDoomedAsync(string user = "client") => ConnectAsync(user, options => options with { CloseTimeout = TimeSpan.Zero });

    /// <summary>Options for a connection below the client library.</summary>
    public QuicClientOptions QuicOptions(string user = "client") => new()
    {
        EndPoint = Address,
        ServerName = "localhost",
        ApplicationProtocols = ["broker/1"],
        Tls = Tls(user),
    };

    /// <summary>SIGKILL: no goodbye, nothing written.</summary>
    public async Task KillAsync()
    {
        _expectedToRun = false;
        _process.Kill();
        await Wait.For(_process.Exited, "the end of a killed node");
    }

    /// <summary>SIGSTOP.</summary>
    public void Pause() => _process.Pause();

    /// <summary>SIGCONT.</summary>
    public void Resume() => _process.Resume();

    /// <summary>SIGTERM; the node must end in order.</summary>
    public async Task StopAsync()
    {
        _expectedToRun = false;
        _process.Terminate();
        await Wait.For(_process.Exited, $"the node's orderly stop\n{Transcript}", TimeSpan.FromSeconds(60));
        Assert.True(_process.ExitCode == 0, $"the node ended with exit code {_process.ExitCode}\n{Transcript}");
        Assert.True(Log.TrimEnd().EndsWith("Stopped", StringComparison.Ordinal), $"the node's stop was not orderly\n{Transcript}");
        Assert.False(File.Exists(Path.Combine(Data, "node.json")), "a stopped node still says where it listens");
    }

    /// <summary>Stops the node in order if it still runs, and removes its folder. A node that ended by itself is a failure.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Transport.DisposeAsync();
            if (_expectedToRun)
            {
                Assert.True(IsRunning, $"the node has ended by itself\n{Transcript}");
                await StopAsync();
            }
        }
        finally
        {
            _process.Dispose();
            _temporary?.Dispose();
        }
    }

    private static ChildProcess Launch(string data, NodeSettings settings, Action<string>? onLine)
    {
        // The health endpoint's default port depends on the UDP port and may be anybody's; its own tests are elsewhere.
        (string, string)[] environment = [("BROKER_HEALTH__ENABLED", "false"), .. settings.Environment];
        (string Name, string Value)[] usual =
        [
            ("--data", data),
            ("--certs", settings.Certs ?? Path.Combine(data, "certs")),
            ("--listen", "127.0.0.1"),
            ("--port", settings.Port.ToString(CultureInfo.InvariantCulture)),
            ("--transport", "ngtcp2"),
            ("--development-certificates", "true"),
        ];
        string[] arguments = [.. usual.Where(option => !settings.Options.Contains(option.Name)).SelectMany(option => new[] { option.Name, option.Value }), .. settings.Options];
        return ChildProcess.Start([.. settings.Launcher, .. ChildProcess.DotNet(Program, arguments)], environment, onLine: onLine);
    }

    private string Certificate(string name) => Path.Combine(_certs, name);

    [GeneratedRegex(@"^broker .* serves udp (?<address>\S+) with ")]
    private static partial Regex Banner();
}
