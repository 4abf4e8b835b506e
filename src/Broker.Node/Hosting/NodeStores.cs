using Broker.Actors.Storage;
using Broker.Coordination.Embedded;
using Broker.Coordination.Etcd;
using Broker.Node.Configuration;
using Broker.Storage.Disks;

namespace Broker.Node.Hosting;

/// <summary>What a node keeps, and where: all of it in its data folder, or the metadata in the etcd that it shares with the other nodes of its cluster.</summary>
internal sealed class NodeStores : IAsyncDisposable
{
    private readonly IAsyncDisposable _storage;
    private readonly IAsyncDisposable? _shared;

    private NodeStores(BrokerStorageOptions options, IAsyncDisposable storage, IAsyncDisposable? shared)
    {
        Options = options;
        _storage = storage;
        _shared = shared;
    }

    /// <summary>For the server.</summary>
    public BrokerStorageOptions Options { get; }

    /// <summary>Opens them.</summary>
    /// <param name="folder">The folder of the store.</param>
    /// <param name="nodeName">Whose it is.</param>
    /// <param name="storage">How it is kept.</param>
    /// <param name="cluster">The cluster that the node is of, if it is of one.</param>
    /// <param name="onNotice">Hears what happens in the store.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="IOException">What is there cannot be used.</exception>
    public static async Task<NodeStores> OpenAsync(string folder, string nodeName, StorageOptions storage, ClusterOptions cluster, Action<StoreNotice> onNotice, TimeProvider time)
    {
        var disk = new FileDisk(folder);
        var store = storage.ToStoreOptions(nodeName);
        if (!cluster.IsEnabled)
        {
            var alone = SingleNodeStorage.Open(disk, store, new EmbeddedMetadataOptions { AcceptDamage = storage.AcceptMetadataDamage }, Configure, time);
            return new NodeStores(alone.Options, alone, null);
        }

        var shared = EtcdMetadataStore.Open(ClusterSettings.Etcd(cluster), time);
        try
        {
            var together = ClusterStorage.Open(disk, store, shared, Configure, time);
            return new NodeStores(together.Options, together, shared);
        }
        catch
        {
            await shared.DisposeAsync();
            throw;
        }

        BrokerStorageOptions Configure(BrokerStorageOptions options) => options with { MinFreeBytes = storage.MinFreeBytes, OnNotice = onNotice };
    }

    /// <summary>Writes what is under way and closes everything. After the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await _storage.DisposeAsync();
        if (_shared is not null)
        {
            await _shared.DisposeAsync();
        }
    }
}
