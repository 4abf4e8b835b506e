using System.Globalization;
using System.Text;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>
/// Four writers count in one key, each step a compare-and-swap, while members fail. Each success that a writer was told of must be one step, and each step one element of a watch, in order.
/// </summary>
[Collection(nameof(ThreeMembers))]
public sealed class FaultTests(ThreeMembers etcd) : IAsyncLifetime
{
    private EtcdCluster _cluster = null!;

    public async ValueTask InitializeAsync() => _cluster = await etcd.StartedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public Task Nothing_is_lost_or_doubled_when_the_leader_is_killed() => CountAsync(async (leader, untilCounted) =>
    {
        await leader.KillAsync();
        await untilCounted(200);
        _cluster.Restart(leader);
        await untilCounted(50);
    });

    [Fact]
    public Task Nothing_is_lost_or_doubled_when_the_leader_is_paused_and_goes_on() => CountAsync(async (leader, untilCounted) =>
    {
        await leader.Process.PauseAsync();
        await untilCounted(200);
        await leader.Process.ResumeAsync(); // and carries out what it had got before
        await untilCounted(200);
    });

    [Fact]
    public async Task Without_a_majority_nothing_is_read_or_written_and_afterwards_everything_is_there()
    {
        await using var store = _cluster.Open(options => options with { Patience = TimeSpan.FromSeconds(2) });
        await store.CommitAsync(Do(Put("a", "1"))).Soon("a transaction");
        await using var watch = new WatchReader(store, "", 0);
        Assert.Equal("a=1", (await watch.NextAsync()).Text());
        var next = watch.NextAsync();
        foreach (var member in _cluster.Members.Take(2))
        {
            await member.KillAsync();
        }

        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.ReadAsync("").Soon("the end of the patience"));
        await Assert.ThrowsAsync<MetadataUnavailableException>(() => store.CommitAsync(Do(Put("a", "1.1")).When("a", 1)).Soon("the end of the patience"));
        foreach (var member in _cluster.Members.Take(2))
        {
            _cluster.Restart(member);
        }

        await _cluster.UntilReadyAsync();
        await store.CommitAsync(Do(Put("a", "2"))).Soon("a transaction");
        Assert.Equal("a=2", (await next).Text());
    }

    private async Task CountAsync(Func<EtcdMember, Func<int, Task>, Task> fault)
    {
        var leader = await _cluster.LeaderAsync();
        Uri[] endpoints = [leader.Address, .. _cluster.Members.Where(member => member != leader).Select(member => member.Address)];
        await using var store = _cluster.Open(options => options with { Endpoints = endpoints, Patience = TimeSpan.FromSeconds(20) });
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(20)).Soon("a lease");
        var first = await store.CommitAsync(Do(Put("n", "0"), Put("owner", "1", lease))).Soon("the first transaction");
        await using var watch = new WatchReader(store, "n", first.Revision);
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 4).Select(_ => Task.Run(() => StepAsync(store, stop.Token))).ToList();
        var seen = 0;
        try
        {
            await UntilCountedAsync(100);
            await fault(leader, UntilCountedAsync);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writers).Soon("the end of the writers");
            await _cluster.UntilReadyAsync();
        }

        var told = (await Task.WhenAll(writers)).Sum();
        Assert.Equal($"n={told}", (await store.ReadAsync("n").Soon("a read")).Text());
        await UntilCountedAsync(told - seen);
        Assert.Equal($"{lease.Id}", $"{Assert.Single((await store.ReadAsync("owner").Soon("a read")).Values).LeaseId}");
        Assert.False(lease.Lost.IsCancellationRequested);

        async Task UntilCountedAsync(int steps)
        {
            for (var last = seen + steps; seen < last;)
            {
                Assert.Equal($"n={++seen}", (await watch.NextAsync()).Text());
            }
        }
    }

    private static async Task<int> StepAsync(EtcdMetadataStore store, CancellationToken stop)
    {
        var told = 0;
        while (!stop.IsCancellationRequested)
        {
            var value = Assert.Single((await store.ReadAsync("n", CancellationToken.None)).Values);
            var next = int.Parse(Encoding.UTF8.GetString(value.Value.Span), CultureInfo.InvariantCulture) + 1;
            var commit = await store.CommitAsync(Do(Put("n", next.ToString(CultureInfo.InvariantCulture))).When("n", value.ModRevision), CancellationToken.None);
            told += commit.Succeeded ? 1 : 0;
        }

        return told;
    }
}
