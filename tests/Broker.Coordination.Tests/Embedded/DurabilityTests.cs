using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage;
using Broker.Storage.Disks;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>What is on the disk when, and what a start finds there.</summary>
public sealed class DurabilityTests
{
    [Fact]
    public void Nothing_is_answered_read_or_watched_before_it_is_on_the_disk()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"));
        var watch = store.Store.WatchAsync("", 1).GetAsyncEnumerator();
        var change = watch.MoveNextAsync();
        var commit = store.Begin(Do(Put("a", "2")));
        Assert.False(commit.IsCompleted || change.IsCompleted);
        Assert.Equal((1, "a=1"), (store.Snapshot.Revision, store.Snapshot.Text()));
        store.Run();
        Assert.Equal(2, commit.Now().Revision);
        Assert.Equal((2, "a=2"), (store.Snapshot.Revision, store.Snapshot.Text()));
    }

    [Fact]
    public void Transactions_are_decided_against_those_that_are_under_way()
    {
        var store = new SimulatedStore(new MemoryDisk());
        var first = store.Begin(Do(Put("a", "1")).When("a", 0));
        var second = store.Begin(Do(Put("a", "2")).When("a", 0));
        var third = store.Begin(Do(Put("a", "3")).When("a", 1));
        Assert.False(second.IsCompleted, "what it was decided on may still be lost");
        store.Run();
        Assert.Equal((true, false, true), (first.Now().Succeeded, second.Now().Succeeded, third.Now().Succeeded));
        Assert.Equal((1, "a=1"), (second.Now().Revision, second.Now().Current.Text()));
        Assert.Equal("a=3", store.Snapshot.Text());
    }

    [Fact]
    public void What_changes_nothing_waits_for_nothing_but_what_it_was_decided_on()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"));
        var syncs = store.Store.Log.SyncCount;
        Assert.True(store.Begin(Do(Put("a", "2")).When("a", 0)).IsCompletedSuccessfully);
        Assert.True(store.Begin(Do(Delete("b"))).IsCompletedSuccessfully);
        Assert.Equal(syncs, store.Store.Log.SyncCount);
    }

    [Fact]
    public void Transactions_that_are_under_way_together_share_a_sync()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"));
        var syncs = store.Store.Log.SyncCount;
        var commits = Enumerable.Range(0, 100).Select(i => store.Begin(Do(Put($"k{i}", "1")))).ToList();
        store.Run();
        Assert.All(commits, commit => Assert.True(commit.Now().Succeeded));
        Assert.Equal(syncs + 1, store.Store.Log.SyncCount);
    }

    [Fact]
    public async Task Callers_on_many_threads_share_syncs()
    {
        await using var store = EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid());
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => store.CommitAsync(Do(Put($"k{i}", "1"))))).Soon("the end of 100 transactions");
        Assert.InRange(store.Log.SyncCount, 1, 90);
    }

    [Fact]
    public void A_start_finds_what_was_there()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"), Put("b", "1"));
        store.Commit(Put("a", "2"));
        store.Commit(Delete("b"), Put("c", ""));
        var before = store.Snapshot;
        var after = new SimulatedStore(store.Stop()).Snapshot;
        Assert.Equal(before.Values.Exactly(), after.Values.Exactly());
        Assert.Equal(before.Revision, after.Revision);
    }

    [Fact]
    public void A_start_knows_no_changes_from_before()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"));
        store.Commit(Put("a", "2"));
        store = new SimulatedStore(store.Stop());
        store.Commit(Put("a", "3"));
        var late = store.Store.WatchAsync("", 1).GetAsyncEnumerator().MoveNextAsync();
        Assert.Equal(2, late.AsTask().Error<MetadataCompactedException>().OldestRevision);
        var watch = store.Store.WatchAsync("", 2).GetAsyncEnumerator();
        Assert.True(watch.MoveNextAsync().AsTask().IsCompletedSuccessfully);
        Assert.Equal("a=3", watch.Current.Text());
    }

    [Fact]
    public void What_goes_with_a_lease_does_not_outlive_the_process()
    {
        var store = new SimulatedStore(new MemoryDisk());
        var lease = store.Grant();
        store.Commit(Put("kept", "1"), Put("hidden", "1"), Put("given back", "1", lease));
        store.Commit(Put("hidden", "2", lease), Put("leased", "1", lease), Put("given back", "2"));
        Assert.Equal("given back=2 hidden=2 kept=1 leased=1", store.Snapshot.Text());
        var after = new SimulatedStore(store.Stop());
        Assert.Equal("given back=2 kept=1", after.Snapshot.Text());
        Assert.Equal(1, after.Snapshot.Values[0].CreateRevision);
    }

    [Fact]
    public async Task Revisions_of_what_goes_with_a_lease_do_not_come_again()
    {
        var store = new SimulatedStore(new MemoryDisk());
        var lease = store.Grant();
        var last = Enumerable.Range(0, 10).Select(i => store.Commit(Put("leased", $"{i}", lease))).Last();
        var end = lease.DisposeAsync().AsTask();
        store.Run();
        await end.Soon("the end of the lease");
        var after = new SimulatedStore(store.Stop());
        Assert.True(after.Commit(Put("a", "1")).Revision > last.Revision + 1);
    }

    [Fact]
    public void No_byte_of_what_goes_with_a_lease_is_written()
    {
        var store = new SimulatedStore(new MemoryDisk());
        var lease = store.Grant();
        store.Commit(Put("a", "lasting"), Put("presence", "fleeting", lease));
        var written = store.Disk.ListFiles(SimulatedStore.Folder).Select(name => store.Disk.ReadAll($"{SimulatedStore.Folder}/{name}")).ToList();
        Assert.Contains(written, bytes => bytes.AsSpan().IndexOf("lasting"u8) >= 0);
        Assert.DoesNotContain(written, bytes => bytes.AsSpan().IndexOf("fleeting"u8) >= 0 || bytes.AsSpan().IndexOf("presence"u8) >= 0);
    }

    [Fact]
    public void A_lease_whose_end_is_on_its_way_takes_nothing_more()
    {
        var store = new SimulatedStore(new MemoryDisk());
        var lease = store.Grant();
        store.Commit(Put("leased", "1", lease));
        var end = lease.DisposeAsync().AsTask();
        Assert.True(lease.Lost.IsCancellationRequested);
        Assert.False(end.IsCompleted);
        store.Begin(Do(Put("b", "1", lease))).Error<MetadataLeaseEndedException>();
        Assert.Equal("leased=1", store.Snapshot.Text());
        store.Run();
        Assert.Equal("", store.Snapshot.Text());
    }

    [Fact]
    public void A_folder_of_another_store_is_refused()
    {
        var store = new SimulatedStore(new MemoryDisk());
        store.Commit(Put("a", "1"));
        var refused = Assert.Throws<StoreException>(() => EmbeddedMetadataStore.Open(store.Stop(), SimulatedStore.Folder, Guid.NewGuid()));
        Assert.Equal(StoreProblem.OtherNode, refused.Problem);
    }

    [Fact]
    public void A_transaction_that_would_make_the_store_too_large_is_refused_and_a_smaller_one_is_not()
    {
        var store = new SimulatedStore(new MemoryDisk(), SimulatedStore.SmallLog with { MaxTreeBytes = 1 << 20 });
        store.Commit(MetadataOperation.Put("a", new byte[600_000]));
        var refused = Assert.Throws<MetadataUnavailableException>(() => store.Commit(MetadataOperation.Put("b", new byte[600_000])));
        Assert.True(refused.NothingChanged);
        Assert.True(store.Commit(MetadataOperation.Put("a", new byte[500_000])).Succeeded);
        Assert.True(store.Commit(MetadataOperation.Put("b", new byte[500_000])).Succeeded);
        Assert.Equal(3, new SimulatedStore(store.Stop()).Snapshot.Revision);
    }

    [Fact]
    public void An_option_out_of_range_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new SimulatedStore(new MemoryDisk(), new EmbeddedMetadataOptions { HistoryChanges = 0 }));
        Assert.Throws<ArgumentException>(() => new SimulatedStore(new MemoryDisk(), new EmbeddedMetadataOptions { HistoryBytes = 1 }));
        Assert.Throws<ArgumentException>(() => new SimulatedStore(new MemoryDisk(), new EmbeddedMetadataOptions { MaxTreeBytes = 1 }));
    }
}
