using System.Net;
using System.Net.Sockets;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>Members that are not there, hang, or are somebody else's.</summary>
public sealed class EndpointTests(OneMember etcd) : IClassFixture<OneMember>
{
    [Fact]
    public async Task One_member_that_hangs_and_one_that_is_not_there_do_not_keep_the_store_from_working()
    {
        var cluster = await etcd.StartedAsync();
        using var hung = new TcpListener(IPAddress.Loopback, 0); // the system accepts, and nobody reads
        hung.Start();
        Uri[] endpoints = [new($"http://127.0.0.1:{((IPEndPoint)hung.LocalEndpoint).Port}"), EtcdCluster.DeadEndpoint(), cluster.Member.Address];
        await using var store = cluster.Open(options => options with { Endpoints = endpoints, TryTimeout = TimeSpan.FromMilliseconds(500), Patience = TimeSpan.FromSeconds(20) });
        await using var watch = new WatchReader(store, "", 0);
        var next = watch.NextAsync();
        Assert.True((await store.CommitAsync(Do(Put("a", "1"))).Soon("a transaction")).Succeeded);
        Assert.Equal("a=1", (await store.ReadAsync("").Soon("a read")).Text());
        Assert.Equal("a=1", (await next).Text());
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(5)).Soon("a lease");
    }

    [Fact]
    public async Task A_wrong_address_is_named()
    {
        var address = EtcdCluster.DeadEndpoint();
        await using var store = OpenNowhere(address);
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        Assert.Contains($"{address}: no connection: Connection refused", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "1"))).Soon("the end of the patience"));
        Assert.True(refused.NothingChanged);
    }

    [Fact]
    public async Task A_watch_that_has_never_got_an_answer_ends()
    {
        await using var store = OpenNowhere(EtcdCluster.DeadEndpoint());
        await using var watch = new WatchReader(store, "", 0);
        var ended = await Assert.ThrowsAsync<MetadataUnavailableException>(watch.NextAsync);
        Assert.Contains("Connection refused", ended.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_that_is_no_etcd_is_named()
    {
        using var other = new HttpListener();
        var address = EtcdCluster.DeadEndpoint();
        other.Prefixes.Add(address.ToString());
        other.Start();
        await using var store = OpenNowhere(address);
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        Assert.Contains($"{address}: ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_clusters_are_not_taken_for_one()
    {
        var cluster = await etcd.StartedAsync();
        await using var other = await EtcdCluster.StartAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        Uri[] endpoints = [proxy.Address, other.Member.Address];
        await using var store = cluster.Open(options => options with { Endpoints = endpoints, TryTimeout = TimeSpan.FromMilliseconds(300) });
        await store.CommitAsync(Do(Put("a", "1"))).Soon("a transaction at the first member");
        proxy.HoldRequests();
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("a read at the second member"));
        Assert.Contains($"{other.Member.Address} belongs to another etcd cluster", refused.Message, StringComparison.Ordinal);
    }

    private static EtcdMetadataStore OpenNowhere(Uri address) => EtcdMetadataStore.Open(
        new EtcdOptions { Endpoints = [address], KeyPrefix = "/broker/test/", TryTimeout = TimeSpan.FromMilliseconds(500), Patience = TimeSpan.FromSeconds(1) });
}
