using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Contract;

public abstract partial class MetadataStoreContract
{
    public static TheoryData<string, MetadataTransaction> Invalid => new()
    {
        { "an empty key", Do(Put("", "1")) },
        { "an empty key of a condition", Do().When("", 0) },
        { "a key that is too long", Do(Put(new string('k', MetadataLimits.MaxKeyBytes + 1), "1")) },
        { "a key that is too long in UTF-8 only", Do(Put(new string('é', (MetadataLimits.MaxKeyBytes / 2) + 1), "1")) },
        { "a key of a condition that is too long", Do().When(new string('k', MetadataLimits.MaxKeyBytes + 1), 0) },
        { "half a surrogate pair", Do(Put("a\ud800", "1")) },
        { "a key put twice", Do(Put("a", "1"), Put("b", "1"), Put("a", "2")) },
        { "a key put and deleted", Do(Put("a", "1"), Delete("a")) },
        { "a negative revision", Do().When("a", -1) },
        { "a value that is too large", Do(MetadataOperation.Put("a", new byte[MetadataLimits.MaxValueBytes + 1])) },
        { "too many operations", Do([.. Enumerable.Range(0, MetadataLimits.MaxOperations + 1).Select(i => Put($"k{i}", "1"))]) },
        { "too many conditions", Enumerable.Range(0, MetadataLimits.MaxOperations + 1).Aggregate(Do(), (transaction, i) => transaction.When($"k{i}", 0)) },
        { "too much in all", Do(MetadataOperation.Put("a", new byte[MetadataLimits.MaxTransactionBytes / 2]), MetadataOperation.Put("b", new byte[MetadataLimits.MaxTransactionBytes / 2])) },
    };

    [Theory]
    [MemberData(nameof(Invalid), DisableDiscoveryEnumeration = true)]
    public async Task A_transaction_beyond_a_limit_is_refused(string what, MetadataTransaction transaction)
    {
        var refused = await Assert.ThrowsAnyAsync<ArgumentException>(() => CommitAsync(transaction));
        Assert.True(refused.Message.Length > 20, $"{what}: {refused.Message}");
        Assert.Empty((await ReadAsync()).Values);
    }

    [Fact]
    public async Task A_key_may_have_as_many_bytes_as_the_limit_says()
    {
        var key = new string('é', MetadataLimits.MaxKeyBytes / 2);
        await CommitAsync(Put(key, "1"));
        Assert.Equal(key, Assert.Single((await ReadAsync(key)).Values).Key);
    }

    [Fact]
    public async Task A_value_may_have_as_many_bytes_as_the_limit_says()
    {
        var bytes = new byte[MetadataLimits.MaxValueBytes];
        new Random(1).NextBytes(bytes);
        await CommitAsync(MetadataOperation.Put("a", bytes));
        Assert.True(Assert.Single((await ReadAsync()).Values).Value.Span.SequenceEqual(bytes));
    }

    [Fact]
    public async Task A_transaction_may_have_as_many_operations_and_conditions_as_the_limit_says()
    {
        var transaction = Do([.. Enumerable.Range(0, MetadataLimits.MaxOperations).Select(i => Put($"k{i}", "1"))]);
        transaction = Enumerable.Range(0, MetadataLimits.MaxOperations).Aggregate(transaction, (rest, i) => rest.When($"k{i}", 0));
        Assert.True((await CommitAsync(transaction)).Succeeded);
        Assert.Equal(MetadataLimits.MaxOperations, (await ReadAsync("k")).Values.Count);
        Assert.Equal(MetadataLimits.MaxOperations, (await CommitAsync(transaction)).Current.Count);
    }

    [Fact]
    public async Task A_prefix_that_is_no_text_is_refused()
    {
        await Assert.ThrowsAnyAsync<ArgumentException>(() => ReadAsync("\ud800"));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () =>
        {
            await using var watch = new WatchReader(Store, "\ud800", 0);
            await watch.NextAsync();
        });
    }

    [Fact]
    public Task A_watch_after_a_negative_revision_is_refused() => Assert.ThrowsAnyAsync<ArgumentException>(async () =>
    {
        await using var watch = new WatchReader(Store, "", -1);
        await watch.NextAsync();
    });

    [Fact]
    public Task A_lease_shorter_than_a_second_is_refused() =>
        Assert.ThrowsAnyAsync<ArgumentException>(() => Store.GrantLeaseAsync(TimeSpan.FromMilliseconds(999)));
}
