using System.Globalization;
using System.Text;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Contract;

public abstract partial class MetadataStoreContract
{
    [Fact]
    public async Task Each_change_has_a_greater_revision_than_the_one_before()
    {
        var first = await CommitAsync(Put("a", "1"));
        var second = await CommitAsync(Put("b", "1"));
        var third = await CommitAsync(Delete("a"));
        Assert.True(first is { Succeeded: true, Revision: > 0 });
        Assert.True(first.Revision < second.Revision && second.Revision < third.Revision);
    }

    [Fact]
    public async Task A_value_keeps_the_revision_that_created_it()
    {
        var first = await CommitAsync(Put("a", "1"));
        var second = await CommitAsync(Put("a", "2"));
        var value = Assert.Single((await ReadAsync()).Values);
        Assert.Equal((first.Revision, second.Revision), (value.CreateRevision, value.ModRevision));
    }

    [Fact]
    public async Task A_key_that_was_absent_is_created_anew()
    {
        await CommitAsync(Put("a", "1"));
        await CommitAsync(Delete("a"));
        var third = await CommitAsync(Put("a", "3"));
        var value = Assert.Single((await ReadAsync()).Values);
        Assert.Equal((third.Revision, third.Revision), (value.CreateRevision, value.ModRevision));
    }

    [Fact]
    public async Task The_same_value_again_is_a_change()
    {
        var first = await CommitAsync(Put("a", "1"));
        var second = await CommitAsync(Put("a", "1"));
        Assert.True(second.Revision > first.Revision);
        Assert.Equal(second.Revision, Assert.Single((await ReadAsync()).Values).ModRevision);
    }

    [Fact]
    public async Task To_delete_what_is_absent_changes_nothing()
    {
        await CommitAsync(Put("a", "1"));
        var before = (await ReadAsync()).Revision;
        var commit = await CommitAsync(Delete("b"));
        Assert.True(commit.Succeeded);
        if (HasRevisionsOfItsOwn)
        {
            Assert.Equal(before, commit.Revision);
            Assert.Equal(before, (await ReadAsync()).Revision);
        }
    }

    [Fact]
    public async Task All_operations_of_a_transaction_have_one_revision()
    {
        await CommitAsync(Put("c", "1"));
        var commit = await CommitAsync(Put("b", "2"), Delete("c"), Put("a", "3"));
        var values = (await ReadAsync()).Values;
        Assert.Equal("a=3 b=2", values.Text());
        Assert.All(values, value => Assert.Equal(commit.Revision, value.ModRevision));
    }

    [Fact]
    public async Task An_empty_value_is_a_value()
    {
        await CommitAsync(Put("a", ""));
        Assert.Equal("a=", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task The_bytes_of_a_value_belong_to_the_caller_again_afterwards()
    {
        var bytes = Encoding.UTF8.GetBytes("1");
        await CommitAsync(MetadataOperation.Put("a", bytes));
        bytes[0] = (byte)'2';
        Assert.Equal("a=1", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_transaction_whose_conditions_hold_takes_place()
    {
        var first = await CommitAsync(Put("a", "1"));
        var second = await CommitAsync(Do(Put("a", "2"), Put("b", "1")).When("a", first.Revision).When("b", 0));
        Assert.True(second is { Succeeded: true, Current.Count: 0 });
        Assert.Equal("a=2 b=1", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_transaction_of_which_one_condition_does_not_hold_changes_nothing()
    {
        var first = await CommitAsync(Put("a", "1"), Put("b", "1"));
        var second = await CommitAsync(Put("b", "2"));
        var refused = await CommitAsync(Do(Put("a", "3"), Delete("b"), Put("c", "3")).When("a", first.Revision).When("b", first.Revision));
        Assert.False(refused.Succeeded);
        Assert.True(refused.Revision >= second.Revision);
        Assert.Equal("a=1 b=2", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task A_key_that_is_there_is_not_absent()
    {
        await CommitAsync(Put("a", "1"));
        Assert.False((await CommitAsync(Do(Put("a", "2")).When("a", 0))).Succeeded);
    }

    [Fact]
    public async Task A_key_that_is_absent_was_written_at_no_revision()
    {
        var first = await CommitAsync(Put("a", "1"));
        await CommitAsync(Delete("a"));
        Assert.False((await CommitAsync(Do(Put("a", "2")).When("a", first.Revision))).Succeeded);
        Assert.True((await CommitAsync(Do(Put("a", "2")).When("a", 0))).Succeeded);
    }

    [Fact]
    public async Task Who_is_refused_learns_the_values_that_the_conditions_are_about()
    {
        var first = await CommitAsync(Put("a", "1"), Put("b", "1"), Put("c", "1"));
        var refused = await CommitAsync(Do(Put("d", "1")).When("c", 0).When("e", 0).When("a", first.Revision).When("c", first.Revision));
        Assert.Equal("a=1 c=1", refused.Current.Text());
        Assert.All(refused.Current, value => Assert.Equal(first.Revision, value.ModRevision));
    }

    [Fact]
    public async Task Without_operations_a_transaction_tells_whether_its_conditions_hold()
    {
        var first = await CommitAsync(Put("a", "1"));
        var holds = await CommitAsync(Do().When("a", first.Revision));
        var fails = await CommitAsync(Do().When("a", 0));
        Assert.True(holds is { Succeeded: true, Current.Count: 0 });
        Assert.Equal("a=1", fails.Current.Text());
        Assert.False(fails.Succeeded);
        if (HasRevisionsOfItsOwn)
        {
            Assert.Equal(first.Revision, (await ReadAsync()).Revision);
        }
    }

    [Fact]
    public async Task Of_transactions_that_exclude_each_other_one_takes_place()
    {
        var attempts = Enumerable.Range(0, 20).Select(i => CommitAsync(Do(Put("leader", i.ToString(CultureInfo.InvariantCulture))).When("leader", 0))).ToList();
        var commits = await Task.WhenAll(attempts);
        var winner = Assert.Single(Enumerable.Range(0, 20), i => commits[i].Succeeded);
        Assert.Equal($"leader={winner}", (await ReadAsync()).Text());
        Assert.All(commits.Where(commit => !commit.Succeeded), commit => Assert.Equal($"leader={winner}", commit.Current.Text()));
    }

    [Fact]
    public async Task No_increment_of_a_counter_is_lost()
    {
        await CommitAsync(Put("n", "0"));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < 25;)
            {
                var value = Assert.Single((await ReadAsync("n")).Values);
                var next = int.Parse(Encoding.UTF8.GetString(value.Value.Span), CultureInfo.InvariantCulture) + 1;
                var commit = await CommitAsync(Do(Put("n", next.ToString(CultureInfo.InvariantCulture))).When("n", value.ModRevision));
                done += commit.Succeeded ? 1 : 0;
            }
        })));
        Assert.Equal("n=200", (await ReadAsync()).Text());
    }

    [Fact]
    public async Task Who_was_answered_reads_what_he_was_answered()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
            {
                var commit = await CommitAsync(Put($"k{caller}", i.ToString(CultureInfo.InvariantCulture)));
                var snapshot = await ReadAsync($"k{caller}");
                Assert.Equal($"k{caller}={i}", snapshot.Text());
                Assert.True(snapshot.Revision >= commit.Revision);
            }
        })));
    }
}
