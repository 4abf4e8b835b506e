using Broker.Coordination.Tests.Contract;
using static Broker.Coordination.Tests.Contract.Texts;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>An etcd that is full.</summary>
public sealed class QuotaTests
{
    [Fact]
    public async Task An_etcd_without_space_says_so_and_is_still_read()
    {
        await using var cluster = await EtcdCluster.StartAsync(options: ["--quota-backend-bytes", $"{4 << 20}"]);
        await using var store = cluster.Open();
        await using var lease = await store.GrantLeaseAsync(TimeSpan.FromSeconds(60)).Soon("a lease");
        var refused = await Assert.ThrowsAsync<MetadataUnavailableException>(async () =>
        {
            for (var i = 0; i < 20; i++)
            {
                await store.CommitAsync(Do(MetadataOperation.Put("a", new byte[MetadataLimits.MaxValueBytes]))).Soon("a transaction");
            }
        });
        Assert.True(refused.NothingChanged);
        Assert.Contains("database space exceeded", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--quota-backend-bytes", refused.Message, StringComparison.Ordinal);
        Assert.Single((await store.ReadAsync("").Soon("a read")).Values);
        Assert.False(lease.Lost.IsCancellationRequested);
    }
}
