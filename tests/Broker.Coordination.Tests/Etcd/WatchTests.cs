using Broker.Coordination.Etcd;
using Broker.Coordination.Etcd.Proto;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>Watches that lose their member, and those whose changes were compacted.</summary>
[Collection(nameof(OneMember))]
public sealed class WatchTests(OneMember etcd)
{
    [Fact]
    public async Task A_watch_whose_member_hangs_goes_on_at_another_one()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        await using var writer = cluster.Open(options => options with { KeyPrefix = Prefix() });
        await using var watch = new WatchReader(store, "", 0);
        await writer.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        Assert.Equal("a=1", (await watch.NextAsync()).Text());
        proxy.HoldAnswers();
        await writer.CommitAsync(Do(Put("a", "2"))).Soon("a transaction");
        await writer.CommitAsync(Do(Put("a", "3"))).Soon("a transaction");
        Assert.Equal(["a=2", "a=3"], await watch.TextsAsync(2));
    }

    [Fact]
    public async Task A_watch_whose_connection_breaks_goes_on_behind_what_it_has_seen()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address);
        await using var writer = cluster.Open(options => options with { KeyPrefix = Prefix() });
        await using var watch = new WatchReader(store, "", 0);
        for (var i = 0; i < 20; i++)
        {
            await writer.CommitAsync(Do(Put("a", $"{i}.0"))).Soon("a transaction");
            await writer.CommitAsync(Do(Put("a", $"{i}.1"), Put("b", $"{i}.1"))).Soon("a transaction");
            Assert.Equal([$"a={i}.0"], await watch.TextsAsync(1));
            proxy.Cut();
            Assert.Equal([$"a={i}.1 b={i}.1"], await watch.TextsAsync(1));
        }
    }

    [Fact]
    public async Task Streams_that_a_member_resets_are_opened_again()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = cluster.Open(options => options with { Endpoints = [proxy.Address] });
        await store.CommitAsync(Do(Put("a", "0"))).Soon("a transaction");
        for (var i = 1; i <= 2; i++)
        {
            proxy.ResetStreams(4);
            await using var watch = new WatchReader(store, "", 0);
            Assert.Equal("a=0", (await watch.NextAsync()).Text());
            proxy.ResetStreams(1);
            Assert.True((await store.CommitAsync(Do(Put($"b{i}", "1"))).Soon("a transaction")).Succeeded);
        }
    }

    [Fact]
    public async Task A_watch_outlives_an_outage_that_is_longer_than_the_patience()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address);
        await using var writer = cluster.Open(options => options with { KeyPrefix = Prefix() });
        await using var watch = new WatchReader(store, "", 0);
        await writer.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        Assert.Equal("a=1", (await watch.NextAsync()).Text());
        var next = watch.NextAsync();
        proxy.HoldAnswers();
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        Assert.False(next.IsCompleted);
        await writer.CommitAsync(Do(Put("a", "2"))).Soon("a transaction");
        proxy.Release();
        proxy.Cut();
        Assert.Equal("a=2", (await next).Text());
    }

    [Fact]
    public async Task A_watch_that_hears_nothing_stays_with_a_member_that_is_well()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = EtcdMetadataStore.Open(Options(cluster, proxy.Address, EtcdCluster.DeadEndpoint()) with { WatchPatience = TimeSpan.FromSeconds(4) });
        await using var writer = cluster.Open(options => options with { KeyPrefix = Prefix() });
        await using var watch = new WatchReader(store, "", (await writer.ReadAsync("").Soon("a read")).Revision);
        var next = watch.NextAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => next.WaitAsync(TimeSpan.FromSeconds(5))); // longer than its patience
        await writer.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        Assert.Equal("a=1", (await next).Text());
        Assert.Equal(1, proxy.Accepted);
    }

    [Fact]
    public async Task A_watch_is_told_where_it_may_begin_when_changes_were_compacted()
    {
        await using var cluster = await EtcdCluster.StartAsync(); // to compact is for everybody
        await using var store = cluster.Open();
        var first = await store.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        var second = await store.CommitAsync(Do(Delete("a"))).Soon("a transaction");
        await store.CommitAsync(Do(Put("a", "3"))).Soon("a transaction");
        await using var open = new WatchReader(store, "", first.Revision - 1);
        Assert.Equal("a=1", (await open.NextAsync()).Text());
        await cluster.Member.CallAsync(EtcdMethods.Compact, new CompactionRequest { Revision = second.Revision, Physical = true });

        // The deletion is gone with the compaction, though etcd would let a watch begin with it.
        foreach (var after in new[] { 0, first.Revision - 1, second.Revision - 1 })
        {
            await using var late = new WatchReader(store, "", after);
            var forgotten = await Assert.ThrowsAsync<MetadataCompactedException>(late.NextAsync);
            Assert.Equal(second.Revision, forgotten.OldestRevision);
        }

        await using var watch = new WatchReader(store, "", second.Revision);
        Assert.Equal("a=3", (await watch.NextAsync()).Text());
        Assert.Equal(["-a", "a=3"], await open.TextsAsync(2));
    }

    [Fact]
    public async Task What_etcd_sends_together_comes_as_one_element_a_revision()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        var revisions = new List<long>();
        for (var i = 0; i < 300; i++)
        {
            revisions.Add((await store.CommitAsync(Do(Put("a", $"{i}"), Put($"b{i}", "1"), Delete($"b{i - 1}"))).Soon("a transaction")).Revision);
        }

        await using var watch = new WatchReader(store, "", 0);
        for (var i = 0; i < 300; i++)
        {
            var change = await watch.NextAsync();
            Assert.Equal((revisions[i], i == 0 ? "a=0 b0=1" : $"a={i} b{i}=1 -b{i - 1}"), (change.Revision, change.Text()));
        }
    }

    // The same for all stores of a test.
    private static string Prefix() => $"/broker/{TestContext.Current.Test!.UniqueID}/";

    private static EtcdMetadataStore Open(EtcdCluster cluster, params Uri[] endpoints) => EtcdMetadataStore.Open(Options(cluster, endpoints));

    private static EtcdOptions Options(EtcdCluster cluster, params Uri[] endpoints) => cluster.Access with
    {
        Endpoints = endpoints,
        KeyPrefix = Prefix(),
        TryTimeout = TimeSpan.FromMilliseconds(300),
        Patience = TimeSpan.FromSeconds(1),
        WatchSilence = TimeSpan.FromMilliseconds(200),
        WatchPatience = TimeSpan.FromMilliseconds(600),
    };
}
