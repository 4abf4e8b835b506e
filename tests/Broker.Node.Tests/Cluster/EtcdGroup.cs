using System.Globalization;
using System.Text.Json;
using Broker.Coordination;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Etcd;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster;

/// <summary>The etcd of a test's cluster: real processes on loopback, each of which can be killed, paused and brought back.</summary>
internal sealed class EtcdGroup : IAsyncDisposable
{
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly string _folder;
    private readonly ClusterNamespaces? _network;
    private readonly int[] _clientPorts;
    private readonly int[] _peerPorts;
    private readonly EtcdProcess?[] _members;

    private EtcdGroup(string folder, int members, ClusterNamespaces? network)
    {
        _folder = folder;
        _network = network;
        var ports = FreePorts.Tcp(2 * members);
        (_clientPorts, _peerPorts) = (ports[..members], ports[members..]);
        _members = new EtcdProcess?[members];
    }

    /// <summary>As the nodes' setting <c>Cluster:Etcd</c> has it.</summary>
    public string Endpoints => string.Join(',', _clientPorts.Select((port, i) => Address(i, port)));

    /// <summary>Number of members.</summary>
    public int Count => _members.Length;

    /// <summary>What the members have said last, for failure messages.</summary>
    public string LastWords => string.Join('\n', _members.Select((member, i) => $"--- etcd m{i}\n{member?.LastWords() ?? "does not run"}"));

    /// <summary>Starts all members and waits until they answer; skips the test if etcd is missing.</summary>
    public static async Task<EtcdGroup> StartAsync(string folder, int members, ClusterNamespaces? network = null)
    {
        Assert.SkipUnless(EtcdProcess.IsInstalled, "etcd is not installed (Debian: etcd-server)");
        Directory.CreateDirectory(folder);
        var group = new EtcdGroup(folder, members, network);
        try
        {
            for (var i = 0; i < members; i++)
            {
                group.Start(i);
            }

            for (var i = 0; i < members; i++)
            {
                await group.UntilReadyAsync(i);
            }

            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a member, anew or with what it has on the disk.</summary>
    public void Start(int member)
    {
        var (client, peer) = (Address(member, _clientPorts[member]), Address(member, _peerPorts[member]));
        _members[member] = EtcdProcess.Start(
            Path.Combine(_folder, $"m{member}.log"),
            [
                "--name", $"m{member}", "--data-dir", Path.Combine(_folder, $"m{member}"), "--logger", "zap", "--log-level", "warn",
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", string.Join(',', _peerPorts.Select((port, i) => $"m{i}={Address(i, port)}")), "--initial-cluster-token", Path.GetFileName(Path.GetDirectoryName(_folder)!),
            ],
            _network?.LauncherOf($"m{member}") ?? []);
    }

    /// <summary>Waits until a member answers.</summary>
    public async Task UntilReadyAsync(int member)
    {
        var options = new EtcdOptions { Endpoints = [new Uri(Address(member, _clientPorts[member]))], KeyPrefix = "ready/", Patience = Wait.Limit };
        await using var store = EtcdMetadataStore.Open(options);
        try
        {
            await Wait.For(store.ReadAsync(""), "etcd's answer", 2 * Wait.Limit);
        }
        catch (MetadataUnavailableException e)
        {
            throw new InvalidOperationException($"{e.Message}\n{LastWords}", e);
        }
    }

    /// <summary>The member that leads, as soon as one does.</summary>
    public async Task<int> LeaderAsync()
    {
        var leaders = await Wait.Until(
            async () => (await Task.WhenAll(Enumerable.Range(0, Count).Select(LeadsAsync))).Index().Where(m => m.Item).Select(m => m.Index).ToList(), found => found.Count == 1, "etcd has a leader");
        return leaders[0];
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync(int member)
    {
        if (_members[member] is { } process)
        {
            _members[member] = null;
            await process.DisposeAsync();
        }
    }

    /// <summary>SIGSTOP.</summary>
    public Task PauseAsync(int member) => Running(member).PauseAsync();

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync(int member) => Running(member).ResumeAsync();

    public async ValueTask DisposeAsync() => await Task.WhenAll(Enumerable.Range(0, Count).Select(KillAsync));

    private string Address(int member, int port) => string.Create(CultureInfo.InvariantCulture, $"http://{_network?.AddressOf($"m{member}") ?? "127.0.0.1"}:{port}");

    private async Task<bool> LeadsAsync(int member)
    {
        if (_members[member] is null)
        {
            return false;
        }

        using var question = new StringContent("{}");
        using var answer = await s_http.PostAsync(new Uri($"{Address(member, _clientPorts[member])}/v3/maintenance/status"), question);
        using var status = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return status.RootElement.TryGetProperty("leader", out var leader) && leader.GetString() == status.RootElement.GetProperty("header").GetProperty("member_id").GetString();
    }

    private EtcdProcess Running(int member) => _members[member] ?? throw new InvalidOperationException($"etcd m{member} does not run");
}
