using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster;

/// <summary>A node of a <see cref="ClusterProcess"/>: its name, folder and port stay, its process comes and goes.</summary>
internal sealed class ClusterNode(string name, string host, int port, int healthPort, NodeSettings settings) : IAsyncDisposable
{
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private NodeProcess? _process;
    private readonly List<string> _logs = [];
    private bool _isPaused;

    public string Name => name;

    /// <summary>With what it is started.</summary>
    public NodeSettings Settings => settings;

    public int Port => port;

    public BrokerEndpoint Endpoint => new(host, port);

    /// <summary>The running process.</summary>
    public NodeProcess Process => _process ?? throw new InvalidOperationException($"{name} does not run");

    public bool IsRunning => _process is { IsRunning: true };

    /// <summary>Whether it runs and gets turns.</summary>
    public bool IsAwake => IsRunning && !_isPaused;

    /// <summary>What each of its processes has said, the running one last.</summary>
    public IReadOnlyList<string> Logs => _process is null ? _logs : [.. _logs, _process.Log];

    /// <summary>Starts it, with what is in its folder, and waits until it serves.</summary>
    public async Task StartAsync() => _process = await NodeProcess.StartAsync(settings);

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        await Process.KillAsync();
        await ForgetAsync();
    }

    /// <summary>SIGTERM; it must end in order.</summary>
    public async Task StopAsync()
    {
        await Process.StopAsync();
        await ForgetAsync();
    }

    /// <summary>SIGSTOP.</summary>
    public void Pause()
    {
        Process.Pause();
        _isPaused = true;
    }

    /// <summary>SIGCONT.</summary>
    public void Resume()
    {
        Process.Resume();
        _isPaused = false;
    }

    /// <summary>What its health endpoint says: the status, and its reason.</summary>
    public async Task<(HttpStatusCode Status, string Reason)> HealthAsync()
    {
        using var answer = await s_http.GetAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{host}:{healthPort}/health/ready")));
        return (answer.StatusCode, (await answer.Content.ReadAsStringAsync()).Trim());
    }

    /// <summary>The rows of a command that it carries out.</summary>
    public async Task<List<JsonElement>> RunAsync(string command, JsonObject? arguments = null)
    {
        await using var admin = await Process.ConnectAsync("admin", options => options with { CloseTimeout = TimeSpan.Zero });
        return await NodeState.RowsAsync(admin, command, arguments);
    }

    /// <summary>Ends it: in order if it can, and no matter how if it is paused.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process is null)
        {
            return;
        }

        if (_isPaused)
        {
            await KillAsync();
        }
        else
        {
            await ForgetAsync();
        }
    }

    private async Task ForgetAsync()
    {
        var process = Process;
        (_process, _isPaused) = (null, false);
        try
        {
            await process.DisposeAsync();
        }
        finally
        {
            _logs.Add(process.Log);
        }
    }
}
