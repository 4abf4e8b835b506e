using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Etcd;

namespace Broker.Actors.Tests.Cluster;

/// <summary>A cluster that agrees in a real etcd.</summary>
[Collection(ClusterCollection.Name)]
public sealed class EtcdClusterTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Nodes_agree_in_etcd_and_go_on_without_it()
    {
        Assert.SkipUnless(EtcdProcess.IsInstalled, "etcd is not installed (Debian: etcd-server)");
        var folder = Directory.CreateTempSubdirectory("broker-cluster-");
        var (client, peer) = (FreePort(), FreePort());
        try
        {
            await using var etcd = Start(folder.FullName, client, peer);
            await using var metadata = EtcdMetadataStore.Open(new EtcdOptions { Endpoints = [new Uri(Address(client))], KeyPrefix = "/broker/test/", Patience = TestCluster.Patience });
            await metadata.ReadAsync("");
            await using var cluster = new TestCluster(metadata);
            await cluster.StartAllAsync("node-1", "node-2", "node-3");

            var coordinator = cluster[(await cluster.CoordinatorAsync())!];
            await coordinator.KillAsync();
            var took = await cluster.UntilAsync(() => cluster.There.All(n => n.Shards.All(s => s.Leader?.Node != coordinator.Name)), "others lead the shards of the coordinator");
            output.WriteLine($"the coordinator's shards have other leaders after {took.TotalMilliseconds:0} ms");

            await cluster.StartAsync(coordinator.Name);
            await cluster.UntilAsync(() => cluster.There.All(n => n.Led.Count >= 20), "all lead about a third again");
            await cluster["node-1"].StopAsync();
            Assert.Contains(cluster["node-1"].Events, e => e is { Kind: "left", Detail: "it led nothing" });
            await cluster.UntilSettledAsync();

            var lives = cluster.There.Select(n => n.Life).ToList();
            await etcd.PauseAsync();
            await cluster.UntilAsync(() => cluster.There.All(n => n.Events.Any(e => e.Kind == "node-down" && e.Subject == n.Name)), "all leases are over by the nodes' own clocks");
            Assert.Equal(lives, cluster.There.Select(n => n.Life));
            Assert.Equal(64, cluster.There.Sum(n => n.Led.Count)); // as it was
            await etcd.ResumeAsync();
            await cluster.UntilAsync(() => !cluster.There.Select(n => n.Life).Intersect(lives).Any(), "all have begun another life");
            await cluster.UntilSettledAsync();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static EtcdProcess Start(string folder, int client, int peer) => EtcdProcess.Start(
        Path.Combine(folder, "log"),
        [
            "--name", "m0", "--data-dir", Path.Combine(folder, "data"), "--logger", "zap", "--log-level", "warn", "--listen-client-urls", Address(client), "--advertise-client-urls", Address(client),
            "--listen-peer-urls", Address(peer), "--initial-advertise-peer-urls", Address(peer), "--initial-cluster", $"m0={Address(peer)}",
        ]);

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
