using System.Globalization;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Contract;

public abstract partial class MetadataStoreContract
{
    [Fact]
    public async Task A_watch_from_the_beginning_sees_everything()
    {
        var first = await CommitAsync(Put("a", "1"));
        var second = await CommitAsync(Put("b", "1"));
        await using var watch = new WatchReader(Store, "", 0);
        var (one, two) = (await watch.NextAsync(), await watch.NextAsync());
        Assert.Equal((first.Revision, "a=1"), (one.Revision, one.Text()));
        Assert.Equal((second.Revision, "b=1"), (two.Revision, two.Text()));
    }

    [Fact]
    public async Task A_watch_goes_on_where_a_snapshot_ends()
    {
        await CommitAsync(Put("a", "1"));
        var snapshot = await ReadAsync();
        await CommitAsync(Put("a", "2"));
        await CommitAsync(Put("a", "3"));
        await using var watch = new WatchReader(Store, "", snapshot.Revision);
        Assert.Equal(["a=2", "a=3"], await watch.TextsAsync(2));
    }

    [Fact]
    public async Task A_watch_waits_for_what_is_to_come()
    {
        var snapshot = await ReadAsync();
        await using var watch = new WatchReader(Store, "", snapshot.Revision);
        var next = watch.NextAsync();
        Assert.False(next.IsCompleted);
        await CommitAsync(Put("a", "1"));
        Assert.Equal("a=1", (await next).Text());
    }

    [Fact]
    public async Task All_that_a_transaction_has_changed_comes_in_one_element()
    {
        await CommitAsync(Put("a", "1"), Put("b", "1"));
        var snapshot = await ReadAsync();
        var commit = await CommitAsync(Put("c", "2"), Delete("b"), Put("a", "2"), Delete("x"));
        await using var watch = new WatchReader(Store, "", snapshot.Revision);
        var change = await watch.NextAsync();
        Assert.Equal("c=2 a=2 -b", change.Text());
        Assert.Equal(commit.Revision, change.Revision);
        Assert.All(change.Puts, value => Assert.Equal(commit.Revision, value.ModRevision));
        Assert.Equal([commit.Revision, snapshot.Revision], change.Puts.Select(value => value.CreateRevision));
    }

    [Fact]
    public async Task A_watch_with_a_prefix_sees_only_what_is_below_it()
    {
        await using var watch = new WatchReader(Store, "a/", 0);
        await CommitAsync(Put("b", "1"));
        await CommitAsync(Put("a/1", "2"), Put("b", "2"));
        await CommitAsync(Put("a", "3"));
        await CommitAsync(Delete("a/1"), Delete("b"));
        Assert.Equal(["a/1=2", "-a/1"], await watch.TextsAsync(2));
    }

    [Fact]
    public async Task What_was_refused_or_changed_nothing_is_not_seen()
    {
        await using var watch = new WatchReader(Store, "", 0);
        await CommitAsync(Put("a", "1"));
        await CommitAsync(Do(Put("a", "2")).When("a", 0));
        await CommitAsync(Delete("b"));
        await CommitAsync(Put("a", "3"));
        Assert.Equal(["a=1", "a=3"], await watch.TextsAsync(2));
    }

    [Fact]
    public async Task Every_watch_sees_every_change()
    {
        await using var one = new WatchReader(Store, "", 0);
        await using var other = new WatchReader(Store, "", 0);
        await CommitAsync(Put("a", "1"));
        Assert.Equal("a=1", (await one.NextAsync()).Text());
        await CommitAsync(Put("a", "2"));
        Assert.Equal("a=2", (await one.NextAsync()).Text());
        Assert.Equal(["a=1", "a=2"], await other.TextsAsync(2));
    }

    [Fact]
    public async Task A_watch_may_begin_after_a_revision_that_is_yet_to_come()
    {
        var first = await CommitAsync(Put("a", "1"));
        await using var watch = new WatchReader(Store, "", first.Revision + 1);
        var next = watch.NextAsync();
        while (!next.IsCompleted)
        {
            await CommitAsync(Put("a", "2"));
            await Task.Yield();
        }

        Assert.True((await next).Revision > first.Revision + 1);
    }

    [Fact]
    public async Task A_cancelled_watch_ends()
    {
        var snapshot = await ReadAsync();
        await using var watch = new WatchReader(Store, "", snapshot.Revision);
        var next = watch.NextAsync();
        watch.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task A_watch_after_a_revision_that_is_forgotten_says_where_one_may_begin()
    {
        await ForgetAsync();
        await using var late = new WatchReader(Store, "", 0);
        var forgotten = await Assert.ThrowsAsync<MetadataCompactedException>(late.NextAsync);
        await using var watch = new WatchReader(Store, "", forgotten.OldestRevision);
        Assert.True((await watch.NextAsync()).Revision > forgotten.OldestRevision);
    }

    [Fact]
    public async Task A_watch_that_is_not_read_in_time_ends_and_the_others_do_not()
    {
        await CommitAsync(Put("a", "0"));
        await using var slow = new WatchReader(Store, "", 0);
        await using var fast = new WatchReader(Store, "", 0);
        Assert.Equal("a=0", (await slow.NextAsync()).Text());
        Assert.Equal("a=0", (await fast.NextAsync()).Text());
        await ForgetAsync(async text => Assert.Equal(text, (await fast.NextAsync()).Text()));
        await Assert.ThrowsAsync<MetadataCompactedException>(async () =>
        {
            while (true)
            {
                await slow.NextAsync();
            }
        });
    }

    [Fact]
    public async Task Who_reads_once_and_then_watches_knows_everything()
    {
        var stop = new TaskCompletionSource();
        var writers = Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            for (var i = 0; i < 150; i++)
            {
                var (a, b) = (random.Next(10), 10 + random.Next(10));
                await CommitAsync(random.Next(3) == 0 ? Delete($"k{a}") : Put($"k{a}", $"{writer}.{i}"), Put($"k{b}", $"{writer}.{i}"));
            }
        })).ToList();
        var watchers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            var snapshot = await ReadAsync();
            var known = new SortedDictionary<string, MetadataValue>(StringComparer.Ordinal);
            snapshot.Values.ToList().ForEach(value => known.Add(value.Key, value));
            await using var watch = new WatchReader(Store, "", snapshot.Revision);
            for (var revision = snapshot.Revision; !known.ContainsKey("last");)
            {
                var change = await watch.NextAsync();
                Assert.True(change.Revision > revision);
                revision = change.Revision;
                change.Puts.ToList().ForEach(value => known[value.Key] = value);
                Assert.All(change.Deletes, key => Assert.True(known.Remove(key)));
            }

            return known.Values.Exactly();
        })).ToList();
        await Task.WhenAll(writers);
        await CommitAsync(Put("last", "1"));
        var seen = await Task.WhenAll(watchers);
        var expected = (await ReadAsync()).Values.Exactly();
        Assert.All(seen, known => Assert.Equal(expected, known));
    }

    /// <summary>Makes so many changes that the first ones are forgotten.</summary>
    private async Task ForgetAsync(Func<string, Task>? afterEach = null)
    {
        var count = HistoryChanges ?? 0;
        Assert.SkipWhen(count == 0, "this store does not forget by itself");
        for (var i = 0; i < count + 100; i++)
        {
            var value = i.ToString(CultureInfo.InvariantCulture);
            await CommitAsync(Put("a", value));
            await (afterEach?.Invoke($"a={value}") ?? Task.CompletedTask);
        }
    }
}
