namespace Broker.Coordination.Tests.Etcd;

/// <summary>An etcd for several test classes, which run one after the other. It starts when the first test needs it.</summary>
public abstract class EtcdFixture(int members) : IAsyncDisposable
{
    private Task<EtcdCluster>? _cluster;

    /// <summary>The cluster; skips the test if etcd is missing.</summary>
    internal Task<EtcdCluster> StartedAsync() => _cluster ??= EtcdCluster.StartAsync(members);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_cluster is { IsCompletedSuccessfully: true } cluster)
        {
            await (await cluster).DisposeAsync();
        }
    }
}

/// <summary>One member: one for the classes of the collection, and one each for those that have it as their class's fixture.</summary>
public sealed class OneMember() : EtcdFixture(1);

/// <summary>Three members.</summary>
public sealed class ThreeMembers() : EtcdFixture(3);

[CollectionDefinition(nameof(OneMember))]
public sealed class OneMemberDefinition : ICollectionFixture<OneMember>;

[CollectionDefinition(nameof(ThreeMembers))]
public sealed class ThreeMembersDefinition : ICollectionFixture<ThreeMembers>;
