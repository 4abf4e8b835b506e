using Broker.Coordination.Embedded;
using Broker.Coordination.Tests.Contract;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Embedded;

/// <summary>A disk that fails ends the store, and everybody hears of it.</summary>
public sealed class FailureTests
{
    [Fact]
    public void What_was_under_way_when_a_sync_failed_is_unknown_and_what_comes_later_is_not_done()
    {
        var store = Failing(out var fail);
        var during = store.Begin(Do(Put("b", "1")));
        var decidedOnIt = store.Begin(Do(Put("b", "2")).When("b", 0));
        fail();
        store.Run();
        Assert.False(during.Error<MetadataUnavailableException>().NothingChanged);
        Assert.False(decidedOnIt.Error<MetadataUnavailableException>().NothingChanged);
        Assert.True(store.Begin(Do(Put("c", "1"))).Error<MetadataUnavailableException>().NothingChanged);
        store.Store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Error<MetadataUnavailableException>();
        Assert.Equal(LogState.Failed, store.Store.State);
    }

    [Fact]
    public void Reads_go_on_with_what_was_durable()
    {
        var store = Failing(out var fail);
        fail();
        _ = store.Begin(Do(Put("a", "2")));
        store.Run();
        Assert.Equal((1, "a=1"), (store.Snapshot.Revision, store.Snapshot.Text()));
    }

    [Fact]
    public void Watches_end_after_what_was_durable()
    {
        var store = Failing(out var fail);
        var watch = store.Store.WatchAsync("", 0).GetAsyncEnumerator();
        fail();
        _ = store.Begin(Do(Put("a", "2")));
        store.Run();
        Assert.True(watch.MoveNextAsync().AsTask().IsCompletedSuccessfully);
        Assert.Equal("a=1", watch.Current.Text());
        watch.MoveNextAsync().AsTask().Error<MetadataUnavailableException>();
    }

    [Fact]
    public void Leases_are_lost_and_may_be_revoked()
    {
        var store = Failing(out var fail);
        var lease = store.Grant();
        fail();
        _ = store.Begin(Do(Put("a", "2", lease)));
        Assert.False(lease.Lost.IsCancellationRequested);
        store.Run();
        Assert.True(lease.Lost.IsCancellationRequested);
        Assert.True(lease.DisposeAsync().AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Who_waits_hears_of_it_from_the_thread_of_the_log()
    {
        var disk = new MemoryDisk();
        await using var store = EmbeddedMetadataStore.Open(disk, "metadata", Guid.NewGuid());
        await store.CommitAsync(Do(Put("a", "1"))).Soon("the first transaction");
        var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60));
        var lost = new TaskCompletionSource();
        await using var registration = lease.Lost.Register(lost.SetResult);
        await using var watch = new WatchReader(store, "", 1);
        var next = watch.NextAsync();
        disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "2"))).Soon("the end of the second transaction"));
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => next);
        await lost.Task.Soon("the loss of the lease");
        Assert.Equal("a=1", (await store.ReadAsync("")).Text());
    }

    [Fact]
    public void A_log_that_cannot_be_kept_short_ends_the_store()
    {
        var disk = new MemoryDisk { OnOperation = operation => operation.Kind is DiskOperationKind.Delete or DiskOperationKind.Move && IsLogFile(operation.Path) ? DiskError.Io : null };
        var store = new SimulatedStore(disk);
        var lease = store.Grant();
        for (var i = 0; i < 1000 && store.Store.State == LogState.Running; i++)
        {
            store.Commit(MetadataOperation.Put("a", new byte[1000]));
        }

        // Nothing is under way that could fail.
        Assert.True(lease.Lost.IsCancellationRequested);
        Assert.Contains("short", store.Begin(Do(Put("a", "1"))).Error<MetadataUnavailableException>().Message, StringComparison.Ordinal);
        Assert.Equal(LogState.Failed, store.Store.State);

        static bool IsLogFile(string path) => path.EndsWith(".log", StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_fails_when_what_was_answered_is_there_afterwards()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var operation = 0;
            var failAt = random.Next(1, 150);
            var disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed })
            {
                OnOperation = each => each.Kind <= DiskOperationKind.SyncFolder && ++operation == failAt ? random.Next(4) == 0 ? DiskError.Full : DiskError.Io : null,
            };
            var answered = 0L;
            try
            {
                var store = new SimulatedStore(disk);
                for (var i = 0; i < 60; i++)
                {
                    answered = store.Commit(MetadataOperation.Put($"k{i % 5}", new byte[random.Next(8000)])).Revision;
                }
            }
            catch (Exception e) when (e is DiskException or MetadataUnavailableException)
            {
                Assert.True(operation >= failAt, $"seed {seed}: {e}");
            }

            var after = new SimulatedStore(disk.Crash());
            Assert.True(after.Snapshot.Revision >= answered, $"seed {seed}: {answered} were answered, {after.Snapshot.Revision} are there");
            Assert.True(after.Commit(Put("a", "1")).Revision > answered);
        }
    }

    private static SimulatedStore Failing(out Action fail)
    {
        var fails = false;
        var store = new SimulatedStore(new MemoryDisk { OnOperation = operation => fails && operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null });
        store.Commit(Put("a", "1"));
        fail = () => fails = true;
        return store;
    }
}
