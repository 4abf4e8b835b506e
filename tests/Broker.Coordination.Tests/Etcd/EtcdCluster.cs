using System.Net;
using System.Net.Sockets;
using Broker.Coordination.Etcd;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>An etcd of the test's own: on loopback, on ports that were free, in a folder that only this user may read.</summary>
internal sealed class EtcdCluster : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("broker-etcd-");
    private readonly EtcdOptions _access;
    private readonly string[] _options;

    private EtcdCluster(int members, string[] options, EtcdOptions access)
    {
        _options = options;
        _access = access;
        var ports = FreePorts(2 * members);
        var scheme = access.CertificateAuthorities is null ? "http" : "https";
        Members = [.. Enumerable.Range(0, members).Select(i => new EtcdMember(_folder.FullName, $"m{i}", ports[2 * i], ports[(2 * i) + 1], scheme))];
    }

    public IReadOnlyList<EtcdMember> Members { get; }

    /// <summary>The only member.</summary>
    public EtcdMember Member => Assert.Single(Members);

    /// <summary>How to use it, with a namespace of its own each time.</summary>
    public EtcdOptions Access => _access with { Endpoints = [.. Members.Select(member => member.Address)], KeyPrefix = $"/broker/{Guid.NewGuid():n}/" };

    /// <summary>Starts one, or skips the test if etcd is missing.</summary>
    public static async Task<EtcdCluster> StartAsync(int members = 1, string[]? options = null, EtcdOptions? access = null)
    {
        Assert.SkipUnless(EtcdProcess.IsInstalled, "etcd is not installed (Debian: etcd-server)");
        for (var attempt = 1; ; attempt++)
        {
            var cluster = new EtcdCluster(members, options ?? [], access ?? new EtcdOptions { Endpoints = [], KeyPrefix = "/" });
            try
            {
                await cluster.StartMembersAsync();
                return cluster;
            }
            catch (Exception e) when (attempt < 3 && e.Message.Contains("address already in use", StringComparison.Ordinal))
            {
                await cluster.DisposeAsync(); // somebody took a port in between
            }
            catch
            {
                await cluster.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Opens a store in a namespace of its own.</summary>
    public EtcdMetadataStore Open(Func<EtcdOptions, EtcdOptions>? change = null) => EtcdMetadataStore.Open(change?.Invoke(Access) ?? Access);

    public async Task<EtcdMember> LeaderAsync()
    {
        while (true)
        {
            foreach (var member in Members)
            {
                if (await member.IsLeaderAsync(_access))
                {
                    return member;
                }
            }
        }
    }

    /// <summary>Starts a member that was killed, with what it has on the disk.</summary>
    public void Restart(EtcdMember member) => member.Start(string.Join(',', Members.Select(each => each.Peer)), _options);

    public async Task UntilReadyAsync() => await Task.WhenAll(Members.Select(member => member.UntilReadyAsync(_access)));

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Members.Select(member => member.KillAsync()));
        _folder.Delete(recursive: true);
    }

    /// <summary>A port of this machine on which nobody listens.</summary>
    public static Uri DeadEndpoint() => new($"http://127.0.0.1:{FreePorts(1)[0]}");

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(listener => listener.Start());
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Stop());
        return ports;
    }

    private async Task StartMembersAsync()
    {
        foreach (var member in Members)
        {
            Restart(member);
        }

        await UntilReadyAsync();
    }
}
