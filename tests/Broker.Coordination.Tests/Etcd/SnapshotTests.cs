using System.Globalization;
using Broker.Coordination.Etcd;
using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>Snapshots that are read in many pieces.</summary>
[Collection(nameof(OneMember))]
public sealed class SnapshotTests(OneMember etcd)
{
    [Fact]
    public async Task A_snapshot_is_of_one_revision_however_many_pages_it_has()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open(options => options with { PageKeys = 7 });
        await WriteAsync(store, 0);
        var reads = Task.Run(async () =>
        {
            var all = new List<MetadataSnapshot>();
            for (var i = 0; i < 20; i++)
            {
                all.Add(await store.ReadAsync("k/").Soon("a read of many pages"));
            }

            return all;
        });
        for (var round = 1; !reads.IsCompleted; round++)
        {
            await WriteAsync(store, round);
        }

        Assert.All(await reads, snapshot =>
        {
            Assert.Equal(100, snapshot.Values.Count);
            Assert.True(snapshot.Values.Zip(snapshot.Values.Skip(1)).All(pair => string.CompareOrdinal(pair.First.Key, pair.Second.Key) < 0));
            Assert.Single(snapshot.Values.Select(value => value.ModRevision).Distinct());
            Assert.True(snapshot.Values[0].ModRevision <= snapshot.Revision);
        });
    }

    [Fact]
    public async Task Values_that_are_large_together_can_be_read()
    {
        var cluster = await etcd.StartedAsync();
        await using var store = cluster.Open();
        for (var i = 0; i < 8; i++)
        {
            await store.CommitAsync(Do(MetadataOperation.Put($"k{i}", new byte[MetadataLimits.MaxValueBytes]))).Soon("a transaction");
        }

        Assert.Equal(8L << 20, (await store.ReadAsync("").Soon("a read of 8 MiB")).Values.Sum(value => value.Value.Length));
    }

    private static async Task WriteAsync(EtcdMetadataStore store, int round)
    {
        var text = round.ToString(CultureInfo.InvariantCulture);
        await store.CommitAsync(Do([.. Enumerable.Range(0, 100).Select(i => Put($"k/{i:d3}", text))])).Soon("a transaction of 100 operations");
    }
}
