using System.Diagnostics;
using Broker.Coordination.Etcd;
using Broker.Coordination.Etcd.Proto;
using Broker.Coordination.Tests.Contract;
using Broker.Transport.Tests;
using Google.Protobuf;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>Leases in time.</summary>
public sealed class LeaseTests(OneMember etcd) : IClassFixture<OneMember>
{
    /// <summary>How long before the end of a lease of six seconds its owner takes it for lost, at least.</summary>
    private static readonly TimeSpan s_beforeItsEnd = TimeSpan.FromSeconds(0.3);

    [Fact]
    public async Task A_lease_is_renewed_for_as_long_as_it_is_held()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(6)).Soon("a lease");
        await store.CommitAsync(Do(Put("a", "1", lease))).Soon("a transaction");
        var time = Stopwatch.StartNew();
        while (time.Elapsed < TimeSpan.FromSeconds(8))
        {
            Assert.Equal("a=1", (await store.ReadAsync("").Soon("a read")).Text());
            Assert.False(lease.Lost.IsCancellationRequested);
        }
    }

    [Fact]
    public async Task A_lease_that_cannot_be_renewed_is_lost_before_etcd_ends_it()
    {
        var cluster = await etcd.StartedAsync();
        for (var attempt = 1; ; attempt++)
        {
            await using var machine = new MachinePauses();
            if (await TimeToLiveWhenLostAsync(cluster) >= 0)
            {
                return;
            }

            // An owner that gets no turn, and does not look, learns of it late.
            Assert.True(attempt < 5 && machine.Longest > s_beforeItsEnd, "etcd has ended the lease before its owner knew that it was lost");
        }
    }

    [Fact]
    public async Task A_lease_counts_from_when_it_was_asked_for_and_not_from_the_answer()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        var time = new SkippingTime();
        await using var store = EtcdMetadataStore.Open(cluster.Access with { Endpoints = [proxy.Address], TryTimeout = TimeSpan.FromSeconds(10) }, time);
        await store.ReadAsync("").Soon("a read");
        proxy.HoldAnswers();
        var answered = proxy.NextAnswer;
        var granted = store.GrantLeaseAsync(TimeSpan.FromSeconds(60));
        await answered.Soon("the answer to the grant");
        time.Skip(TimeSpan.FromSeconds(54));
        proxy.Release();
        await using var lease = await granted.Soon("a lease");
        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Whoever_looks_after_a_pause_of_the_process_sees_that_the_lease_is_lost()
    {
        var cluster = await etcd.StartedAsync();
        var time = new SkippingTime();
        await using var store = EtcdMetadataStore.Open(cluster.Access, time);
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Soon("a lease");
        time.Skip(TimeSpan.FromSeconds(50));
        Assert.False(lease.Lost.IsCancellationRequested);
        time.Skip(TimeSpan.FromSeconds(4));
        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_outlives_an_outage_that_is_shorter_than_itself()
    {
        await using var cluster = await EtcdCluster.StartAsync();
        await using var store = cluster.Open(options => options with { TryTimeout = TimeSpan.FromMilliseconds(300), Patience = TimeSpan.FromSeconds(2) });
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(30)).Soon("a lease");
        await store.CommitAsync(Do(Put("a", "1", lease))).Soon("a transaction");
        await cluster.Member.KillAsync();
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        cluster.Restart(cluster.Member);
        await cluster.UntilReadyAsync();
        var value = Assert.Single((await store.ReadAsync("").Soon("a read")).Values);
        Assert.Equal(lease.Id, value.LeaseId);
        Assert.True((await store.CommitAsync(Do(Put("b", "1", lease))).Soon("a transaction")).Succeeded);
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_that_etcd_does_not_know_any_more_is_lost()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(6)).Soon("a lease");
        await store.CommitAsync(Do(Put("a", "1", lease))).Soon("a transaction");
        await using var watch = new WatchReader(store, "a", (await store.ReadAsync("").Soon("a read")).Revision);
        await cluster.Member.CallAsync(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = lease.Id });
        Assert.Equal("-a", (await watch.NextAsync()).Text()); // what an owner hears first
        await LostAsync(lease);
    }

    [Fact]
    public async Task Of_several_leases_the_one_that_has_ended_is_named()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        await using var alive = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Soon("a lease");
        var ended = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Soon("a lease");
        await ended.DisposeAsync();
        var refused = await Assert.ThrowsAsync<MetadataLeaseEndedException>(() => store.CommitAsync(Do(Put("a", "1", alive), Put("b", "1", ended))).Soon("a transaction"));
        Assert.Equal(ended.Id, refused.LeaseId);
    }

    [Fact]
    public async Task A_lease_of_marks_that_has_ended_is_followed_by_another_one()
    {
        var cluster = await etcd.StartedAsync();
        var options = cluster.Access;
        await using var store = EtcdMetadataStore.Open(options);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        var marks = new RangeRequest { Key = ByteString.CopyFromUtf8($"{options.KeyPrefix}commits/"), RangeEnd = ByteString.CopyFromUtf8($"{options.KeyPrefix}commits0") };
        var mark = Assert.Single((await cluster.Member.CallAsync(EtcdMethods.Range, marks)).Kvs);
        await cluster.Member.CallAsync(EtcdMethods.LeaseRevoke, new LeaseRevokeRequest { ID = mark.Lease });
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Soon("a lease");
        Assert.True((await store.CommitAsync(Do(Put("a", "2", lease))).Soon("the next transaction")).Succeeded);
    }

    [Fact]
    public async Task A_lease_is_not_shorter_than_etcd_allows()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(1)).Soon("a lease");
        Assert.True((await cluster.Member.CallAsync(EtcdMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = lease.Id })).GrantedTTL >= 1);
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    /// <returns>In seconds; negative: etcd has ended it.</returns>
    private static async Task<long> TimeToLiveWhenLostAsync(EtcdCluster cluster)
    {
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = cluster.Open(options => options with { Endpoints = [proxy.Address] });
        var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(6)).Soon("a lease");
        await store.CommitAsync(Do(Put("a", "1", lease))).Soon("a transaction");
        proxy.HoldRequests();
        await LostAsync(lease);
        var left = await TimeToLiveAsync(cluster, lease);
        proxy.Release();
        await lease.DisposeAsync().AsTask().Soon("the end of the lease");
        Assert.Equal("", (await store.ReadAsync("").Soon("a read")).Text());
        return left;
    }

    private static async Task<long> TimeToLiveAsync(EtcdCluster cluster, IMetadataLease lease) =>
        (await cluster.Member.CallAsync(EtcdMethods.LeaseTimeToLive, new LeaseTimeToLiveRequest { ID = lease.Id })).TTL;

    private static async Task LostAsync(IMetadataLease lease)
    {
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lease.Lost.Register(lost.SetResult);
        await lost.Task.Soon("the loss of the lease");
    }
}
