using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Contract;

public abstract partial class MetadataStoreContract
{
    private static readonly TimeSpan s_timeToLive = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_value_tells_its_lease()
    {
        await using var lease = await GrantAsync();
        await CommitAsync(Put("a", "1", lease), Put("b", "1"));
        Assert.Equal([lease.Id, 0], (await ReadAsync()).Values.Select(value => value.LeaseId));
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Leases_have_different_numbers()
    {
        await using var one = await GrantAsync();
        await using var other = await GrantAsync();
        Assert.True(one.Id != other.Id && one.Id != 0 && other.Id != 0);
    }

    [Fact]
    public async Task A_lease_that_is_revoked_takes_its_keys_with_it_in_one_change()
    {
        var lease = await GrantAsync();
        await CommitAsync(Put("b", "1", lease), Put("x", "1"));
        await CommitAsync(Put("a", "1", lease));
        var before = await ReadAsync();
        await lease.DisposeAsync();
        Assert.Equal("x=1", (await ReadAsync()).Text());
        await using var watch = new WatchReader(Store, "", before.Revision);
        Assert.Equal("-a -b", (await watch.NextAsync()).Text());
    }

    [Fact]
    public async Task A_lease_that_is_revoked_is_lost()
    {
        var lease = await GrantAsync();
        await lease.DisposeAsync();
        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_may_be_revoked_twice()
    {
        var lease = await GrantAsync();
        await CommitAsync(Put("a", "1", lease));
        await lease.DisposeAsync();
        await CommitAsync(Put("a", "2"));
        await lease.DisposeAsync();
        Assert.Equal("a=2", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_value_that_is_put_without_the_lease_stays()
    {
        var lease = await GrantAsync();
        var first = await CommitAsync(Put("a", "1", lease));
        await CommitAsync(Put("a", "2"));
        await lease.DisposeAsync();
        var value = Assert.Single((await ReadAsync()).Values);
        Assert.Equal(("a=2", 0, first.Revision), (value.Text(), value.LeaseId, value.CreateRevision));
    }

    [Fact]
    public async Task A_value_that_is_put_with_another_lease_goes_with_that()
    {
        var one = await GrantAsync();
        var other = await GrantAsync();
        await CommitAsync(Put("a", "1", one));
        await CommitAsync(Put("a", "2", other));
        await one.DisposeAsync();
        Assert.Equal("a=2", (await ReadAsync()).Text());
        await other.DisposeAsync();
        Assert.Equal("", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_value_that_gets_a_lease_goes_with_it()
    {
        await CommitAsync(Put("a", "1"));
        var lease = await GrantAsync();
        await CommitAsync(Put("a", "2", lease));
        await lease.DisposeAsync();
        Assert.Equal("", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_key_that_was_deleted_and_put_again_has_left_its_lease()
    {
        var lease = await GrantAsync();
        await CommitAsync(Put("a", "1", lease));
        await CommitAsync(Delete("a"));
        await CommitAsync(Put("a", "2"));
        await lease.DisposeAsync();
        Assert.Equal("a=2", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_lease_without_keys_changes_nothing_when_it_ends()
    {
        await CommitAsync(Put("a", "1"));
        var before = await ReadAsync();
        await (await GrantAsync()).DisposeAsync();
        if (HasRevisionsOfItsOwn)
        {
            Assert.Equal(before.Revision, (await ReadAsync()).Revision);
        }
    }

    [Fact]
    public async Task A_lease_that_has_ended_takes_no_values()
    {
        var lease = await GrantAsync();
        await lease.DisposeAsync();
        var refused = await Assert.ThrowsAsync<MetadataLeaseEndedException>(() => CommitAsync(Put("a", "1"), Put("b", "1", lease)));
        Assert.Equal(lease.Id, refused.LeaseId);
        Assert.Empty((await ReadAsync()).Values);
    }

    [Fact]
    public async Task Conditions_come_before_leases()
    {
        var lease = await GrantAsync();
        await lease.DisposeAsync();
        await CommitAsync(Put("a", "1"));
        Assert.False((await CommitAsync(Do(Put("b", "1", lease)).When("a", 0))).Succeeded);
    }

    [Fact]
    public async Task A_condition_may_be_about_a_value_with_a_lease()
    {
        await using var lease = await GrantAsync();
        var first = await CommitAsync(Do(Put("leader", "me", lease)).When("leader", 0));
        Assert.True((await CommitAsync(Do(Put("a", "1")).When("leader", first.Revision))).Succeeded);
        await lease.DisposeAsync();
        Assert.False((await CommitAsync(Do(Put("a", "2")).When("leader", first.Revision))).Succeeded);
        Assert.True((await CommitAsync(Do(Put("leader", "you")).When("leader", 0))).Succeeded);
    }

    private Task<IMetadataLease> GrantAsync() => Store.GrantLeaseAsync(s_timeToLive).Soon("the beginning of a lease");
}
