using System.Text;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Contract;

/// <summary>What every <see cref="IMetadataStore"/> does. A test has a store of its own, in which nothing was ever written.</summary>
public abstract partial class MetadataStoreContract : IAsyncLifetime
{
    /// <summary>After how many changes the store forgets the oldest; <c>null</c> if it does not forget by itself.</summary>
    protected virtual int? HistoryChanges => null;

    /// <summary>Whether nobody else's changes take revisions.</summary>
    protected virtual bool HasRevisionsOfItsOwn => true;

    private IMetadataStore Store { get; set; } = null!;

    public async ValueTask InitializeAsync() => Store = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_new_store_is_empty() => Assert.Empty((await ReadAsync()).Values);

    [Fact]
    public async Task What_was_put_can_be_read()
    {
        var commit = await CommitAsync(Put("a", "1"));
        var value = Assert.Single((await ReadAsync()).Values);
        Assert.Equal("a=1", value.Text());
        Assert.Equal((commit.Revision, commit.Revision, 0), (value.ModRevision, value.CreateRevision, value.LeaseId));
    }

    [Fact]
    public async Task A_prefix_selects_the_keys_that_begin_with_it()
    {
        await CommitAsync(Put("a", "0"), Put("a/1", "1"), Put("a/2", "2"), Put("a0", "3"), Put("b/1", "4"));
        Assert.Equal("a/1=1 a/2=2", (await ReadAsync("a/")).Text());
        Assert.Equal("a=0 a/1=1 a/2=2 a0=3", (await ReadAsync("a")).Text());
        Assert.Equal("", (await ReadAsync("c")).Text());
        Assert.Equal(5, (await ReadAsync("")).Values.Count);
    }

    [Fact]
    public async Task Keys_are_in_order_of_their_bytes()
    {
        // U+FFFD comes before U+10000 in UTF-8, and after its surrogates in UTF-16.
        string[] keys = ["A", "B", "a", "a\0", "a!", "aa", "b", "é", "\u4e2d", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"];
        foreach (var key in keys.Reverse())
        {
            await CommitAsync(Put(key, "x"));
        }

        Assert.Equal(keys, (await ReadAsync()).Values.Select(value => value.Key));
        Assert.Equal(keys, keys.OrderBy(key => Convert.ToHexString(Encoding.UTF8.GetBytes(key)), StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_snapshot_has_the_revision_of_the_last_change()
    {
        await CommitAsync(Put("a", "1"));
        var last = await CommitAsync(Put("b", "1"));
        Assert.Equal(last.Revision, (await ReadAsync("b")).Revision);
        if (HasRevisionsOfItsOwn)
        {
            Assert.Equal(last.Revision, (await ReadAsync("a")).Revision);
        }
    }

    [Fact]
    public async Task A_snapshot_does_not_change_afterwards()
    {
        await CommitAsync(Put("a", "1"), Put("b", "1"));
        var before = await ReadAsync();
        await CommitAsync(Put("a", "2"), Delete("b"), Put("c", "1"));
        Assert.Equal("a=1 b=1", before.Text());
        Assert.Equal("a=2 c=1", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task Whoever_does_not_want_to_wait_is_told_so()
    {
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.ReadAsync("", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.CommitAsync(Do(Put("a", "1")), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), cancelled));
    }

    [Fact]
    public async Task A_closed_store_answers_that_it_is_not_available()
    {
        await CommitAsync(Put("a", "1"));
        await Store.DisposeAsync();
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(() => CommitAsync(Put("b", "1")));
        Assert.True(refused.NothingChanged);
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => ReadAsync());
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => Store.GrantLeaseAsync(TimeSpan.FromSeconds(60)));
        await using var watch = new WatchReader(Store, "", afterRevision: (1L << 40));
        await Assert.ThrowsAsync<MetadataUnavailableException>(watch.NextAsync);
    }

    [Fact]
    public async Task Watches_and_leases_end_with_the_store()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60));
        var revision = (await ReadAsync()).Revision;
        await using var watch = new WatchReader(Store, "", revision);
        var next = watch.NextAsync();
        await Store.DisposeAsync();
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => next);
        Assert.True(lease.Lost.IsCancellationRequested);
        await lease.DisposeAsync();
    }

    /// <summary>Opens a store in which nothing was ever written.</summary>
    protected abstract Task<IMetadataStore> OpenAsync();

    /// <summary>Takes away what <see cref="OpenAsync"/> has made, beside the store, which is closed already.</summary>
    protected virtual Task CloseAsync() => Task.CompletedTask;

    private Task<MetadataCommit> CommitAsync(params MetadataOperation[] operations) => CommitAsync(Do(operations));

    private Task<MetadataCommit> CommitAsync(MetadataTransaction transaction) => Store.CommitAsync(transaction).Soon("the end of a transaction");

    private Task<MetadataSnapshot> ReadAsync(string prefix = "") => Store.ReadAsync(prefix).Soon("the end of a read");
}
