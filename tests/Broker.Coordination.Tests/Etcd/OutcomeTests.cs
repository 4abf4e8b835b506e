using Broker.Coordination.Etcd;
using Broker.Coordination.Etcd.Proto;
using Broker.Coordination.Tests.Contract;
using Google.Protobuf;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>Transactions without an answer: each takes place once or not at all, and whoever asked for it is told which.</summary>
[Collection(nameof(OneMember))]
public sealed class OutcomeTests(OneMember etcd)
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task A_transaction_whose_answer_was_lost_is_found_to_have_taken_place()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        var before = await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        proxy.HoldAnswers();
        var commit = await store.CommitAsync(Do(Put("a", "2")).When("a", before.Revision)).Soon("the finding out");
        Assert.True(commit.Succeeded);
        await store.CommitAsync(Do(Put("a", "3"))).Soon("the last transaction");
        await using var watch = new WatchReader(store, "", before.Revision);
        var seen = await watch.NextAsync();
        Assert.Equal((commit.Revision, "a=2"), (seen.Revision, seen.Text()));
        Assert.Equal("a=3", (await watch.NextAsync()).Text());
    }

    [Fact]
    public async Task A_transaction_that_did_not_arrive_is_sent_again_and_does_not_take_place_when_it_arrives_later()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        var before = await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        proxy.HoldRequests();
        await store.CommitAsync(Do(Put("a", "2"))).Soon("the transaction that is sent again"); // no condition of its own would stop it
        await store.CommitAsync(Do(Put("a", "3"))).Soon("a later transaction");
        var late = proxy.NextAnswer;
        proxy.Release();
        await late.Soon("the answer to the request that came late");
        await store.CommitAsync(Do(Put("a", "4"))).Soon("the last transaction");
        await using var watch = new WatchReader(store, "", before.Revision);
        Assert.Equal(["a=2", "a=3", "a=4"], await watch.TextsAsync(3));
    }

    [Fact]
    public async Task Transactions_that_exclude_each_other_stay_exclusive_when_answers_are_lost()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        await store.CommitAsync(Do(Put("n", "0"))).Soon("the first transaction");
        proxy.HoldAnswers();
        var commits = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => store.CommitAsync(Do(Put("leader", $"{i}")).When("leader", 0)))).Soon("the finding out");
        var winner = Assert.Single(Enumerable.Range(0, 20), i => commits[i].Succeeded);
        Assert.Equal($"leader={winner}", (await store.ReadAsync("leader")).Text());
    }

    [Fact]
    public async Task When_nobody_answers_the_outcome_is_unknown()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        proxy.HoldAnswers();
        var unknown = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "2"))).Soon("the end of the patience"));
        Assert.False(unknown.NothingChanged);
        Assert.Contains($"{proxy.Address}: it does not answer within 500 ms", unknown.Message, StringComparison.Ordinal);
        proxy.Release();
        Assert.Equal("a=2", (await store.ReadAsync("").Soon("a read")).Text());
    }

    [Fact]
    public async Task What_could_not_be_sent_has_not_taken_place()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        await proxy.DisposeAsync();

        // The connection that is broken may be found out by the first of them.
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "2"))).Soon("the end of the patience"));
        Assert.True(refused.NothingChanged, refused.Message);
    }

    [Fact]
    public async Task A_transaction_without_room_for_a_mark_says_that_its_outcome_is_unknown()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        proxy.HoldAnswers();
        var large = Do([.. Enumerable.Range(0, MetadataLimits.MaxOperations).Select(i => Put($"k{i}", "1"))]);
        var unknown = await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(large).Soon("the end of the try"));
        Assert.False(unknown.NothingChanged);
        Assert.Equal(MetadataLimits.MaxOperations, (await store.ReadAsync("k").Soon("a read")).Values.Count);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_leaves_the_store_in_order()
    {
        var cluster = await etcd.StartedAsync();
        await using var proxy = new EtcdProxy(cluster.Member.Address);
        await using var store = Open(cluster, proxy.Address, cluster.Member.Address);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        proxy.HoldAnswers();
        using var impatient = new CancellationTokenSource();
        var given = store.CommitAsync(Do(Put("a", "2")), impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        Assert.True((await store.CommitAsync(Do(Put("b", "1"))).Soon("another transaction")).Succeeded);
    }

    [Fact]
    public async Task Marks_that_somebody_has_deleted_are_made_again()
    {
        var cluster = await etcd.StartedAsync();
        var options = cluster.Access;
        await using var store = EtcdMetadataStore.Open(options);
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        var marks = ByteString.CopyFromUtf8($"{options.KeyPrefix}commits/");
        var end = ByteString.CopyFromUtf8($"{options.KeyPrefix}commits0");
        var delete = new DeleteRangeRequest { Key = marks, RangeEnd = end };
        var request = new TxnRequest { Success = { new RequestOp { RequestDeleteRange = delete } } };
        Assert.Equal(1, (await cluster.Member.CallAsync(EtcdMethods.Txn, request)).Responses[0].ResponseDeleteRange.Deleted);
        Assert.True((await store.CommitAsync(Do(Put("a", "2"))).Soon("the next transaction")).Succeeded);
    }

    [Fact]
    public async Task A_closed_store_leaves_no_marks()
    {
        var cluster = await etcd.StartedAsync();
        var options = cluster.Access;
        await using (var store = EtcdMetadataStore.Open(options))
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(i => store.CommitAsync(Do(Put($"k{i}", "1"))))).Soon("transactions");
        }

        var all = new RangeRequest
        {
            Key = ByteString.CopyFromUtf8(options.KeyPrefix),
            RangeEnd = ByteString.CopyFromUtf8(options.KeyPrefix[..^1] + '0'),
        };
        Assert.Equal(10, (await cluster.Member.CallAsync(EtcdMethods.Range, all)).Kvs.Count);
    }

    private static EtcdMetadataStore Open(EtcdCluster cluster, params Uri[] endpoints) =>
        cluster.Open(options => options with { Endpoints = endpoints, TryTimeout = s_short, Patience = endpoints.Length == 1 ? 5 * s_short : TimeSpan.FromSeconds(20) });
}
